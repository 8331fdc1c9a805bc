"""The verdict on a delivery's signature: whoever gives it, it never raises, and in doubt it is no."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

from outworx_otel.delivery._messages import InboundRequest
from outworx_otel.delivery.flow import Call, Flow
from outworx_otel.errors import VerifierError, described
from outworx_otel.http.body import RawBody
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime
from outworx_otel.setup.secret_sources import Secrets, several
from outworx_otel.signatures import SignatureReason, SignatureResult, Verifier, verifier_for
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.redaction import scrub

_VALID = SignatureResult(True, None, None, None, None)


def verdict(
    endpoint: Endpoint, request: InboundRequest, runtime: Runtime, record: Record
) -> Flow[SignatureResult]:
    """Says whether a delivery is genuine.

    Args:
        endpoint: what was configured; it verifies somehow.
        request: with its body, or the reason why there is none.
        runtime: told what a user's function raised.
        record: when the delivery came; it notes an exception that decided.
    """
    options = endpoint.options
    if endpoint.problem is not None:
        return _no("missing_secret", endpoint.problem)
    if options.signature_valid is not None:
        return (
            yield from _asked("signature_valid", options.signature_valid, runtime, record, request.native)
        )
    if endpoint.unsupported:
        hint = f"No built-in verifier for {options.provider!r}: give a signature_verifier or register its scheme."
        return _no("unsupported_provider", hint)
    if request.body is None:
        return _no("body_unavailable", request.problem_hint)
    if options.signature_verifier is not None:
        body = RawBody(request.body)
        return (
            yield from _asked(
                "signature_verifier",
                options.signature_verifier,
                runtime,
                record,
                lambda: body,
                lambda: request.headers,
            )
        )
    verifier = endpoint.verifier
    try:
        if verifier is None:
            try:
                secrets = yield from secrets_now(endpoint, request)
                if secrets:
                    verifier = verifier_for(
                        options.provider, secrets, options.signature_tolerance, endpoint.known_secrets
                    )
            except Exception as cause:  # noqa: BLE001  # the user's function, or a secret that is no key
                return _threw("signature_secret", cause, runtime, record)
            if verifier is None:
                return _no("missing_secret", _NO_SECRET[endpoint.secret_file is not None])
        record.key_count = verifier.key_count
        url = _urls(options.public_url, request.url()) if verifier.scheme.signs_url else None
        now = record.start_ns / 1e9
        if verifier.fetches_keys:
            return (yield from _with_published_key(verifier, request, request.body, now, url))
        return verifier.verify(request.body, request.headers, now=now, url=url, method=request.method)
    except Exception as error:  # noqa: BLE001  # a fault of ours in a check must not let the delivery in
        record.note(error)
        runtime.failed("verifying a signature", error)
        return _no("verifier_threw", f"{type(error).__name__} in the verifier.")


def _with_published_key(
    verifier: Verifier, request: InboundRequest, body: bytes, now: float, url: Any
) -> Flow[SignatureResult]:
    """The same where the key may have to be fetched: a thread waits for it, and an event loop goes on meanwhile."""
    from outworx_otel.signatures.published.keyring import keyring

    ring = keyring()
    steps = verifier.steps(body, request.headers, now=now, url=url, method=request.method)
    try:
        wanted = next(steps)
        while True:
            found = ring.known(wanted)
            if found is None:
                found = yield Call(partial(ring.get, wanted), partial(ring.aget, wanted))
            wanted = steps.send(found)
    except StopIteration as done:
        result: SignatureResult = done.value
        return result


def covered(marked: Endpoint, chosen: Endpoint, request: InboundRequest, record: Record) -> bool:
    """Whether a delivery that was verified for one endpoint is genuine for another, that of a marked handler.

    So it is where both have the same secret, or the signature fits the other's as well.

    Args:
        marked: of the handler.
        chosen: that the delivery was verified for.
        request: with its body.
        record: of the delivery.
    """
    if marked.options == chosen.options:
        return True
    signature = record.signature
    if signature is None or not signature.valid:
        return False
    same_provider = marked.options.provider == chosen.options.provider
    if same_provider and marked.secrets and marked.secrets == chosen.secrets:
        return True
    if marked.verifier is None or request.body is None or marked.verifier.scheme.signs_url:
        return False
    now = record.start_ns / 1e9
    verifier = marked.verifier
    return verifier.verify(request.body, request.headers, now=now, diagnose=False, fetch=False).valid


_NO_SECRET = (
    "The function signature_secret gave no secret for this request.",
    "The file signature_secret_file gives no secret: see the log.",
)


def secrets_now(endpoint: Endpoint, request: InboundRequest) -> Flow[Secrets]:
    """The secrets of a file as it is now, or what a function gives for this request."""
    memory, ask = endpoint.secret_memory, endpoint.options.signature_secret
    if memory is None or not callable(ask):
        return endpoint.secrets
    # The whole address: where tenants differ in host or query alone, one's secret is not the other's.
    try:
        address = request.url()
    except Exception:  # noqa: BLE001  # a Host that the framework does not take: it is asked each time
        address = None
    secrets = None if address is None else memory.recall(address)
    if secrets is None:
        given = ask(request.native())
        if inspect.isawaitable(given):
            given = yield given
        secrets = several(given)
        if address is not None:
            memory.keep(address, secrets)
    return secrets


def _no(reason: SignatureReason, hint: str | None) -> SignatureResult:
    return SignatureResult(False, reason, hint, None, None)


def _asked(
    option: str, answer: Any, runtime: Runtime, record: Record, *arguments: Any
) -> Flow[SignatureResult]:
    """The verdict of a user's function (sync or async), or of a constant."""
    try:
        if callable(answer):
            answer = answer(*(argument() for argument in arguments))
            if inspect.isawaitable(answer):
                answer = yield answer
        if isinstance(answer, SignatureResult):
            return answer
        if not isinstance(answer, bool | int | None):
            # `(False, "why")` is true to Python.
            raise TypeError(f"it gave a {type(answer).__name__}: a verdict is True or False")
        return _VALID if answer else _no("hmac_mismatch", f"{option} says that the signature is not valid.")
    except Exception as cause:  # noqa: BLE001  # the user's function; its truth value too may raise
        return _threw(option, cause, runtime, record)


def _threw(option: str, cause: Exception, runtime: Runtime, record: Record) -> SignatureResult:
    error = VerifierError(f"{option} raised {scrub(described(cause))}")
    error.__cause__ = cause
    record.note(cause)
    runtime.report(error)
    return _no("verifier_threw", f"{option} raised {type(cause).__name__}.")


def _urls(public: str | None, urls: Any) -> Any:
    """The same for the address, or for each of the spellings that it may have been signed in."""
    return (
        public_address(public, urls)
        if isinstance(urls, str)
        else tuple(public_address(public, url) for url in urls)
    )


def public_address(public: str | None, url: str) -> str:
    """The address the provider called: its origin from `public_url`, and its path too if that has one."""
    if public is None:
        return url
    scheme, _, rest = public.partition("://")
    if "/" not in rest.rstrip("/"):
        return f"{scheme}://{rest.rstrip('/')}/{url.partition('://')[2].partition('/')[2]}"
    query = url.partition("?")[2]
    return f"{public}?{query}" if query and "?" not in public else public
