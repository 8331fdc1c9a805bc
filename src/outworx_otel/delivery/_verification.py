"""The verdict on a delivery's signature: whoever gives it, it never raises, and in doubt it is no."""

from __future__ import annotations

import inspect
from typing import Any

from outworx_otel.delivery._messages import InboundRequest
from outworx_otel.delivery.flow import Flow
from outworx_otel.errors import VerifierError, described
from outworx_otel.http.body import RawBody
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime
from outworx_otel.signatures import SignatureReason, SignatureResult
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.redaction import scrub

_VALID = SignatureResult(True, None, None, None, None)


def verdict(
    endpoint: Endpoint, request: InboundRequest, runtime: Runtime, now: float
) -> Flow[SignatureResult]:
    """Says whether a delivery is genuine.

    Args:
        endpoint: what was configured; it verifies somehow.
        request: with its body, or the reason why there is none.
        runtime: told what a user's function raised.
        now: Unix seconds at which the delivery arrived.
    """
    options = endpoint.options
    if endpoint.problem is not None:
        return _no("missing_secret", endpoint.problem)
    if options.signature_valid is not None:
        return (yield from _asked("signature_valid", options.signature_valid, runtime, request.native))
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
                lambda: body,
                lambda: request.headers,
            )
        )
    assert endpoint.verifier is not None
    try:
        url = None
        if endpoint.verifier.scheme.signs_url:
            given = request.url()
            url = _public_url(options.public_url, given if isinstance(given, str) else given[0])
        return endpoint.verifier.verify(
            request.body, request.headers, now=now, url=url, method=request.method
        )
    except Exception as error:  # noqa: BLE001  # a fault of ours in a check must not let the delivery in
        runtime.failed("verifying a signature", error)
        return _no("verifier_threw", f"{type(error).__name__} in the verifier.")


def covered(marked: Endpoint, chosen: Endpoint, request: InboundRequest, record: Record) -> bool:
    """Whether a delivery that was verified for one endpoint is genuine for another, that of a marked handler.

    So it is where both have the same secret, or the signature fits the other's as well.

    Args:
        marked: of the handler.
        chosen: that the delivery was verified for.
        request: with its body.
        record: of the delivery.
    """
    signature = record.signature
    ours, theirs = marked.options, chosen.options
    if signature is not None and signature.valid and marked.verifier is not None:
        if ours.provider == theirs.provider and ours.signature_secret == theirs.signature_secret:
            return True
        if request.body is not None and not marked.verifier.scheme.signs_url:
            now = record.start_ns / 1e9
            return marked.verifier.verify(request.body, request.headers, now=now, diagnose=False).valid
    return False


def _no(reason: SignatureReason, hint: str | None) -> SignatureResult:
    return SignatureResult(False, reason, hint, None, None)


def _asked(option: str, answer: Any, runtime: Runtime, *arguments: Any) -> Flow[SignatureResult]:
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
        error = VerifierError(f"{option} raised {scrub(described(cause))}")
        error.__cause__ = cause
        runtime.report(error)
        return _no("verifier_threw", f"{option} raised {type(cause).__name__}.")


def _public_url(public: str | None, url: str) -> str:
    """The address the provider called: its origin from `public_url`, and its path too if that has one."""
    if public is None:
        return url
    scheme, _, rest = public.partition("://")
    if "/" not in rest.rstrip("/"):
        return f"{scheme}://{rest.rstrip('/')}/{url.partition('://')[2].partition('/')[2]}"
    query = url.partition("?")[2]
    return f"{public}?{query}" if query and "?" not in public else public
