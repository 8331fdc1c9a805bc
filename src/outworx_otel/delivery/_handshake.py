"""A request that may be a provider's handshake: which row of the table it is, and what it is answered."""

from __future__ import annotations

import hashlib
import sys
from typing import Final

from outworx_otel.delivery._messages import InboundRequest, Respond, respond
from outworx_otel.delivery._verification import public_address, secrets_now
from outworx_otel.delivery.flow import Call, Flow
from outworx_otel.http.body import Body
from outworx_otel.process.job_waiting import off_loop
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.signatures import REASONS, SignatureResult
from outworx_otel.signatures.handshake import (
    Confirmation,
    Handshake,
    HandshakeRequest,
    Keys,
    Refusal,
)
from outworx_otel.telemetry import Record

_MAX_SHOWN: Final = 10


def met(
    rows: tuple[Handshake, ...],
    endpoint: Endpoint,
    request: InboundRequest,
    record: Record,
    body: Body | None,
) -> Flow[Respond | None]:
    """Answers a handshake, and notes in the record what came of it; None where the request is none.

    Args:
        rows: that it may be a question of.
        endpoint: whose handshakes they are.
        request: whose body may not have been read yet.
        record: gets its outcome.
        body: where it was read.
    """
    asked = _asked(request, body)
    for row in rows:
        if row.fits(asked):
            answer = yield from _answer(row, asked, endpoint, request, record)
            return None if answer is None else _noted(answer, request, record)
    return None


def unanswered(endpoint: Endpoint, request: InboundRequest, body: Body | None) -> str | None:
    """The option that is missing for a request that is a handshake of the provider's to be answered; else None."""
    asked = _asked(request, body)
    rows = ((row, missing) for row, missing in endpoint.handshakes.unmet if row.method == request.method)
    # A HEAD asks nothing by itself.
    return next((missing for row, missing in rows if row.method != "HEAD" and row.fits(asked)), None)


def _asked(request: InboundRequest, body: Body | None) -> HandshakeRequest:
    if body is None:
        return HandshakeRequest(request.headers, request.url)
    return HandshakeRequest(request.headers, request.url, body.raw, body.parsed)


def _answer(
    row: Handshake, asked: HandshakeRequest, endpoint: Endpoint, request: InboundRequest, record: Record
) -> Flow[Confirmation | Refusal | None]:
    secrets = (yield from secrets_now(endpoint, request)) if row.needs_secret else ()
    tokens = endpoint.handshakes.tokens
    signature = record.signature

    def keys() -> Keys:
        # While the secret is rotated, the answer is made with the one that fits the question.
        index = signature.key_index if signature is not None and signature.key_index is not None else 0
        secret = secrets[index if index < len(secrets) else 0] if secrets else b""
        address = public_address(endpoint.options.public_url, asked.url).partition("?")[0]
        token = tokens[0] if tokens else ""
        return Keys(secret if isinstance(secret, bytes) else secret.encode(), token, address)

    answer = row.answer(asked, tokens, keys)
    if isinstance(answer, Refusal):
        # Where nobody is to be refused, whatever the application has made of it so far stands.
        return answer if endpoint.rejects else None
    if row.before is not None:
        work, document = row.before, asked.at("body")
        try:
            yield Call(lambda: work(document), lambda: off_loop(lambda: work(document)))
        except Exception as error:  # noqa: BLE001  # a server that is away, or an address that is not the provider's
            record.note(error)
            return Refusal(503, "unconfirmed", f"{type(error).__name__} while it was confirmed.")
    if answer.handed_over is not None and not _show(row, answer.handed_over, endpoint, request):
        return Refusal(503, "unconfirmed", "The secret that was handed over could not be shown on stderr.")
    return answer


def _noted(answer: Confirmation | Refusal, request: InboundRequest, record: Record) -> Respond:
    # What came with it is a secret, or is as good as one.
    record.capture_headers, record.request_body = False, None
    record.status = answer.status
    if isinstance(answer, Refusal):
        record.outcome, record.rejected_for = "rejected", answer.reason
        if record.signature is None and answer.reason in REASONS:
            record.signature = SignatureResult(False, answer.reason, answer.hint)
        return respond(request, answer.status, "Handshake refused")
    record.outcome = "handshake"
    return Respond(answer.status, answer.headers, answer.body)


def _show(row: Handshake, secret: str, endpoint: Endpoint, request: InboundRequest) -> bool:
    """Shows the operator a secret, once; whether that is done.

    On stderr and nowhere else: a log record goes to whoever collects logs. A stranger can hand over secrets too, so
    there is an end to it.
    """
    shown, seen = endpoint.shown_secrets, hashlib.sha256(secret.encode()).digest()
    if seen in shown:
        return True
    if len(shown) >= _MAX_SHOWN or sys.stderr is None:
        return False
    try:
        print(
            f"outworx: {endpoint.options.provider} at {request.path!r} handed over {row.hands_over}: {secret}\n"
            "outworx: it is shown this once. Compare it with what the provider shows you, set it as "
            "signature_secret_env, and take handshake = true out again.",
            file=sys.stderr,
            flush=True,
        )
    except (OSError, ValueError):  # closed
        return False
    shown.add(seen)
    return True
