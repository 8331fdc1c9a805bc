"""One endpoint's verifier: configuration, rotation, tolerance, ways of passing headers."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.signatures import Verifier, sign, verify

from .deliveries import BODY, ED25519_PUBLIC, NOW, WHSEC, delivery_of


@pytest.mark.parametrize("secret", ["", " \n", b"", [], ["one", ""], ()])
def test_an_empty_secret_is_a_configuration_error(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="secret"):
        Verifier("stripe", secret)


def test_an_unknown_provider_is_a_configuration_error_that_names_it() -> None:
    with pytest.raises(ConfigurationError, match="acme"):
        Verifier("acme", "secret")


@pytest.mark.parametrize(
    ("provider", "secret"),
    [
        ("svix", "whsec_"),
        ("svix", "whsec_&&&"),
        ("adyen", "not hex"),
        ("discord", "not a key"),
        ("sendgrid", "AAAA"),
    ],
)
def test_an_unusable_secret_is_a_configuration_error_that_does_not_quote_it(
    provider: str, secret: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        Verifier(provider, secret)

    assert str(raised.value).startswith(provider)
    assert "&&&" not in str(raised.value)


@pytest.mark.parametrize("tolerance", [-1, math.nan, "300", True])
def test_an_impossible_tolerance_is_a_configuration_error(tolerance: float) -> None:
    with pytest.raises(ConfigurationError, match="tolerance"):
        Verifier("stripe", "secret", tolerance=tolerance)


def test_without_cryptography_the_error_comes_at_configuration_and_names_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.serialization", None)

    with pytest.raises(ConfigurationError, match=r"outworx-otel\[asymmetric\]"):
        Verifier("discord", ED25519_PUBLIC.hex())


@pytest.mark.parametrize("provider", ["stripe", "github", "svix", "slack", "twilio", "docusign", "adyen"])
def test_while_secrets_rotate_the_one_that_matched_is_reported(provider: str) -> None:
    delivery = delivery_of(provider)
    others = ["55" * 32, "66" * 32] if provider == "adyen" else ["whsec_" + "QUJD" * 8, "whsec_" + "WFla" * 8]

    verifier = Verifier(provider, [*others, delivery.secret])

    assert delivery.verified(verifier).key_index == 2
    assert not delivery.verified(Verifier(provider, others))


def test_gitlab_verifies_signing_tokens_and_old_secret_tokens_side_by_side() -> None:
    verifier = Verifier("gitlab", ["an-old-token", WHSEC])

    signed = verifier.verify(BODY, sign("gitlab", BODY, WHSEC, now=NOW), now=NOW)
    token = verifier.verify(BODY, {"X-Gitlab-Token": "an-old-token"}, now=NOW)

    assert (signed.valid, signed.key_index) == (True, 1)
    assert (token.valid, token.key_index) == (True, 0)
    assert not verifier.verify(BODY, {"X-Gitlab-Token": WHSEC}, now=NOW)
    changed = verifier.verify(BODY + b" ", sign("gitlab", BODY, WHSEC, now=NOW), now=NOW)
    assert changed.reason == "hmac_mismatch"


@pytest.mark.parametrize(
    ("provider", "good", "bad"),
    [
        ("stripe", (-300, 300), (-301, 301)),
        ("slack", (-300, 300), (-301, 301)),
        ("svix", (-300, 300), (-301, 301)),
        ("paddle", (-5, 5), (-6, 6)),
        ("workos", (-180, 180), (-181, 181)),
        ("telnyx", (-300, 300), (-301, 301)),
        ("linear", (-60, 60), (-61, 61)),
        ("twitch", (-600, 600), (-601, 601)),
        ("hubspot", (-86400, 299), (300, 301)),
        ("sanity", (-1e9, 1e8), ()),
        ("sendgrid", (-1e9, 1e8), ()),
        ("github", (-1e9, 1e8), ()),
    ],
)
def test_windows_are_those_of_the_vendors_with_their_edges(
    provider: str, good: tuple[float, ...], bad: tuple[float, ...]
) -> None:
    body = b'{"webhookTimestamp":1790000000000}'
    delivery = delivery_of(provider, body)
    verifier = Verifier(provider, delivery.secret)

    for age in good:
        assert verifier.verify(body, delivery.headers, now=NOW + age, url=delivery.url), age
    for age in bad:
        result = verifier.verify(body, delivery.headers, now=NOW + age, url=delivery.url)
        assert result.reason == "timestamp_drift", age


def test_tolerance_widens_narrows_and_switches_off_the_window() -> None:
    headers = sign("stripe", BODY, "secret", now=NOW)

    assert verify("stripe", BODY, headers, "secret", now=NOW + 900, tolerance=900)
    assert verify("stripe", BODY, headers, "secret", now=NOW + 1, tolerance=0).reason == "timestamp_drift"
    assert verify("stripe", BODY, headers, "secret", now=NOW + 1e9, tolerance=math.inf)


@pytest.mark.parametrize("body", [BODY, BODY.decode(), bytearray(BODY), memoryview(BODY)])
def test_bodies_of_every_kind_are_the_same_bytes(body: bytes) -> None:
    assert verify("stripe", body, sign("stripe", BODY, "secret"), "secret")


@pytest.mark.parametrize("provider", ["stripe", "slack", "svix", "github", "twilio"])
def test_headers_may_be_any_mapping_or_pairs_of_text_or_bytes(provider: str) -> None:
    delivery = delivery_of(provider)
    pairs = list(delivery.headers.items())
    titled = [(name.title(), text) for name, text in pairs]
    raw = [(name.encode(), text.encode()) for name, text in titled]

    for headers in (dict(titled), dict(raw), titled, raw, [list(pair) for pair in raw], Headers(raw)):
        assert delivery.verified(headers=headers), headers


def test_a_leading_zero_in_the_timestamp_is_signed_as_sent() -> None:
    from outworx_otel.signatures.keys import HmacKey

    stamp = f"000{NOW:.0f}"
    signature = HmacKey(b"secret", "sha256").sign((f"{stamp}.".encode(), BODY, b"")).hex()

    assert verify("stripe", BODY, {"stripe-signature": f"t={stamp},v1={signature}"}, "secret", now=NOW)


def test_hex_may_be_upper_case_and_base64_unpadded_but_not_sloppy() -> None:
    hexed = sign("github", BODY, "secret")["x-hub-signature-256"].removeprefix("sha256=")
    encoded = sign("shopify", BODY, "secret")["x-shopify-hmac-sha256"]
    stray = encoded[:-2] + chr(ord(encoded[-2]) + 1)

    assert verify("github", BODY, {"x-hub-signature-256": "sha256=" + hexed.upper()}, "secret")
    assert verify("shopify", BODY, {"x-shopify-hmac-sha256": encoded.rstrip("=")}, "secret")
    assert not verify("shopify", BODY, {"x-shopify-hmac-sha256": stray}, "secret")
    assert not verify("shopify", BODY, {"x-shopify-hmac-sha256": encoded + "=="}, "secret")


def test_a_control_character_is_not_a_space_between_signatures() -> None:
    headers = sign("svix", BODY, WHSEC, now=NOW)
    damaged = headers["svix-signature"].replace("=", "\x1d")

    assert damaged != headers["svix-signature"]
    assert not verify("svix", BODY, {**headers, "svix-signature": damaged}, WHSEC, now=NOW)


def test_any_one_of_several_signatures_is_enough() -> None:
    stripe = sign("stripe", BODY, "secret", now=NOW)["stripe-signature"]
    svix = sign("svix", BODY, WHSEC, now=NOW)
    svix["svix-signature"] = f"v1,{'A' * 43}= v2,unknown v1a,AAAA {svix['svix-signature']}"

    assert verify("stripe", BODY, {"stripe-signature": f"v1={'0' * 64},v0=old,{stripe}"}, "secret", now=NOW)
    assert verify("svix", BODY, svix, WHSEC, now=NOW)


def test_svix_headers_go_before_webhook_headers() -> None:
    good = sign("svix", BODY, WHSEC, now=NOW)
    wrong = sign("standardwebhooks", BODY, "whsec_" + "QUJD" * 8, now=NOW)

    assert verify("svix", BODY, {**wrong, **good}, WHSEC, now=NOW)
    assert verify("svix", BODY, sign("standardwebhooks", BODY, WHSEC, now=NOW), WHSEC, now=NOW)


@pytest.mark.parametrize(
    "secret", [WHSEC, "v1," + WHSEC, WHSEC.removeprefix("whsec_"), WHSEC + "==", f"  {WHSEC}\n"]
)
def test_standard_webhooks_secrets_may_be_written_in_each_way_that_vendors_use(secret: str) -> None:
    assert verify("standardwebhooks", BODY, sign("standardwebhooks", BODY, WHSEC), secret)


def test_openai_takes_plain_secrets_and_signatures_without_a_version() -> None:
    headers = sign("openai", BODY, "a plain secret")
    headers["webhook-signature"] = headers["webhook-signature"].removeprefix("v1,")

    assert verify("openai", BODY, headers, "a plain secret")


def test_repeated_headers_never_make_a_wrong_signature_right() -> None:
    good = sign("github", BODY, "secret")["x-hub-signature-256"]
    pairs = [("x-hub-signature-256", good), ("x-hub-signature-256", "sha256=" + "0" * 64)]

    assert not verify("github", BODY + b"x", pairs, "secret")


def test_a_failure_costs_a_hash_whatever_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    from outworx_otel.signatures.keys import HmacKey

    hashed: list[int] = []
    matches = HmacKey.matches

    def counting(self: HmacKey, message: tuple[bytes, bytes, bytes], signatures: list[bytes]) -> bool:
        hashed.append(len(message[1]))
        return matches(self, message, signatures)

    monkeypatch.setattr(HmacKey, "matches", counting)
    verifier = Verifier("stripe", "secret")

    for headers in ({}, {"stripe-signature": "nonsense"}, {"stripe-signature": "t=1,v1=xyz"}):
        hashed.clear()
        assert not verifier.verify(BODY, headers, diagnose=False)
        assert hashed == [len(BODY)]


def test_a_good_delivery_loads_nothing_of_the_diagnosis_and_a_failure_does() -> None:
    program = """
import sys
from outworx_otel.signatures import Verifier, sign
verifier, headers = Verifier("github", "secret"), sign("github", b"{}", "secret")
print(verifier.verify(b"{}", headers).valid, "outworx_otel.signatures.diagnosis" in sys.modules)
print(verifier.verify(b"[]", headers).valid, "outworx_otel.signatures.diagnosis" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603

    assert done.stdout.split() == ["True", "False", "False", "True"]
