"""What a verification costs, as ratios measured in one run: `python benchmarks/signatures.py`.

Compares `verify` and a `Verifier` with a bare `hmac.digest`, and with the vendors' own libraries and the
published outworx-hooks on the same deliveries. Peers that are not installed are named and left out.
"""

from __future__ import annotations

import hmac
import importlib
import sys
import time
import timeit
from collections.abc import Callable
from functools import partial

from outworx_otel.http.headers import Headers
from outworx_otel.signatures import Verifier, providers, sign, sign_request, verify
from outworx_otel.signatures.diagnosis.investigation import rate_limit
from outworx_otel.signatures.keys import hmac_digest_name

# The published example of the Standard Webhooks specification.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105
KIB = 1024

# One entry for every limit that was not kept; their number is the exit status.
missed: list[str] = []

# What a proxy and a provider really send along.
_USUAL = {
    "host": "example.com",
    "user-agent": "Provider/1.0",
    "content-type": "application/json; charset=utf-8",
    "accept": "*/*",
    "x-forwarded-for": "203.0.113.7",
    "x-forwarded-proto": "https",
}


def microseconds(action: Callable[[], object], size: int) -> float:
    """The best of several rounds: noise only ever adds."""
    number = 5000 if size <= 8 * KIB else 60
    return min(timeit.repeat(action, number=number, repeat=7)) / number * 1e6


def json_body(size: int) -> bytes:
    """JSON of this size."""
    head = b'{"id":"evt_1","type":"charge.succeeded","data":"'
    return head + b"x" * (size - len(head) - 2) + b'"}'


def peers(body: bytes) -> list[tuple[str, str, Callable[[], object]]]:
    """(peer, provider, its verification of a delivery that `sign` made)."""
    text = body.decode()
    made: list[tuple[str, str, Callable[[], object]]] = []

    def add(
        name: str, provider: str, module: str, build: Callable[[object, dict[str, str]], Callable[[], object]]
    ) -> None:
        try:
            loaded = importlib.import_module(module)
        except ImportError:
            print(f"  {name}: not installed, left out", file=sys.stderr)
            return
        headers = sign(provider, body, SECRET)
        made.append((name, provider, build(loaded, headers)))

    def stripe(module: object, headers: dict[str, str]) -> Callable[[], object]:
        check = module.WebhookSignature.verify_header  # type: ignore[attr-defined]  # a peer without types
        return lambda: check(text, headers["stripe-signature"], SECRET, 300)

    def webhook(module: object, headers: dict[str, str]) -> Callable[[], object]:
        verifier = module.Webhook(SECRET)  # type: ignore[attr-defined]  # a peer without types
        return lambda: verifier.verify(body, headers)

    def slack(module: object, headers: dict[str, str]) -> Callable[[], object]:
        verifier = module.SignatureVerifier(SECRET)  # type: ignore[attr-defined]  # a peer without types
        return lambda: verifier.is_valid_request(body, headers)

    def hooks(name: str, by_header: str | None) -> Callable[[object, dict[str, str]], Callable[[], object]]:
        def build(module: object, headers: dict[str, str]) -> Callable[[], object]:
            check = getattr(module, name)
            if by_header is None:
                return lambda: check(raw_body=text, headers=headers, secret=SECRET)
            return lambda: check(raw_body=text, header=headers[by_header], secret=SECRET)

        return build

    add("stripe", "stripe", "stripe", stripe)
    add("svix", "svix", "svix", webhook)
    add("standardwebhooks", "standardwebhooks", "standardwebhooks", webhook)
    add("slack_sdk", "slack", "slack_sdk.signature", slack)
    old = "outworx_hooks.security"
    add("outworx-hooks", "stripe", old, hooks("verify_stripe_signature", "stripe-signature"))
    add("outworx-hooks", "github", old, hooks("verify_github_signature", "x-hub-signature-256"))
    add("outworx-hooks", "shopify", old, hooks("verify_shopify_signature", "x-shopify-hmac-sha256"))
    add("outworx-hooks", "svix", old, hooks("verify_svix_signature", None))
    add("outworx-hooks", "slack", old, hooks("verify_slack_signature", None))
    return made


def measure_against_hmac() -> None:
    print("Stripe delivery against a bare hmac.digest of the same bytes")
    for size, limit in ((KIB, 4.0), (256 * KIB, 1.1)):
        body = json_body(size)
        bare = microseconds(partial(hmac.digest, SECRET.encode(), body, "sha256"), size)
        headers = sign("stripe", body, SECRET)
        wire = Headers([(name.encode(), text.encode()) for name, text in {**_USUAL, **headers}.items()])
        actions = {
            "verify(dict)": partial(verify, "stripe", body, headers, SECRET),
            "Verifier(Headers)": partial(Verifier("stripe", SECRET).verify, body, wire),
        }
        for name, action in actions.items():
            cost = microseconds(action, size)
            print(
                f"  {size // KIB:4d} KiB  {name:18s} {cost:8.2f} µs  {cost / bare:5.2f}x  "
                f"(at most {limit}: {verdict(cost / bare <= limit)})"
            )


def measure_every_row() -> None:
    """Every provider that signs with an HMAC: rounds of both take turns, so that a busy machine slows both."""
    print("A Verifier of each row with an HMAC against a bare hmac.digest, 1 KiB")
    body, ratios = json_body(KIB), {}
    for row in providers():
        if not row.algorithm.startswith("hmac-") or row.procedure is not None:
            continue
        secret = _SECRETS.get(row.key, SECRET)
        digest = hmac_digest_name(row.algorithm) if row.algorithm in _ONE_DIGEST else "sha256"
        bare = timeit.Timer(partial(hmac.digest, secret.encode(), body, digest))
        signed = sign_request(row.provider, body, secret, url="https://example.com/hook")
        wire = Headers(
            [(name.encode(), text.encode()) for name, text in {**_USUAL, **signed.headers}.items()]
        )
        check = partial(Verifier(row.provider, secret).verify, signed.body, wire, url=signed.url)
        assert check().valid, row.provider
        ours = timeit.Timer(check)
        # Short ones: of many, some are not interrupted.
        rounds = [(bare.timeit(100), ours.timeit(100)) for _ in range(100)]
        ratios[row.provider] = min(one for _, one in rounds) / min(one for one, _ in rounds)
    ordered = sorted(ratios.items(), key=lambda pair: pair[1])
    over = [f"{name} {ratio:.2f}" for name, ratio in ordered if ratio > 1.5]
    print(f"  {len(ordered)} rows: {ordered[0][1]:.2f}x to {ordered[-1][1]:.2f}x, half below", end=" ")
    print(f"{ordered[len(ordered) // 2][1]:.2f}x (at most 1.5: {verdict(not over)})")
    if over:
        print(f"  above: {', '.join(over)}")


_ONE_DIGEST = ("hmac-sha1", "hmac-sha256", "hmac-sha384", "hmac-sha512")
_SECRETS = {"hex": "44" * 32, "base64": SECRET.removeprefix("whsec_")}


def measure_against_peers() -> None:
    print("The same 1 KiB delivery in other libraries (ratio: theirs / ours)")
    body = json_body(KIB)
    for name, provider, action in peers(body):
        ours = microseconds(partial(verify, provider, body, sign(provider, body, SECRET), SECRET), KIB)
        theirs = microseconds(action, KIB)
        print(
            f"  {provider:18s} ours {ours:6.2f} µs   {name:18s} {theirs:7.2f} µs  "
            f"{theirs / ours:5.2f}x {verdict(theirs > ours)}"
        )


def measure_flood() -> None:
    body = json_body(1_000_000)
    right, wrong = sign("stripe", body, SECRET), sign("stripe", body, "whsec_another")
    verifier = Verifier("stripe", SECRET)
    verifier.verify(body, wrong)
    costs = []
    for headers in (right, wrong):
        rate_limit.reset()
        begun = time.perf_counter()
        for _ in range(200):
            verifier.verify(body, headers)
        costs.append(time.perf_counter() - begun)
    ratio = costs[1] / costs[0]
    print("200 wrong signatures over 1 MB against 200 right ones")
    print(f"  {ratio:.2f}x  (at most 2: {verdict(ratio <= 2)})")


def verdict(kept: bool) -> str:
    if not kept:
        missed.append("a limit")
    return "ok" if kept else "MISSED"


if __name__ == "__main__":
    measure_against_hmac()
    measure_every_row()
    measure_against_peers()
    measure_flood()
    sys.exit(len(missed))
