"""The least that verifying and reporting a delivery can cost: one HMAC and one span, written out by hand.

The span carries what ours carries (the run checks that), and is current while the handler runs.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
from opentelemetry import context, trace
from opentelemetry.trace import Span, SpanKind

from benchmarks.deliveries import SECRET

_KEY: Final = SECRET.encode()
_TOLERANCE: Final = 300
_SECRET_HEADERS: Final = frozenset({"authorization", "cookie", "stripe-signature"})


class _Event(msgspec.Struct):
    id: str | None = None
    type: str | None = None


_read_event = msgspec.json.Decoder(_Event).decode
_tracer = trace.get_tracer("floor")


def signed_at(body: bytes, header: str, now: float) -> int | None:
    """When a genuine and recent delivery was signed; None for any other."""
    stamp = signature = ""
    for item in header.split(","):
        name, _, text = item.partition("=")
        if name == "t":
            stamp = text
        elif name == "v1":
            signature = text
    if not stamp.isdecimal() or abs(now - int(stamp)) > _TOLERANCE:
        return None
    expected = hmac.digest(_KEY, stamp.encode() + b"." + body, "sha256").hex()
    return int(stamp) if hmac.compare_digest(expected, signature) else None


def open_span(
    method: str,
    path: str,
    route: str,
    body: bytes,
    headers: Iterable[tuple[str, str]],
    signed: int,
    start_ns: int,
) -> tuple[Span, Any]:
    """Starts the span of a genuine delivery and makes it current; gives what `close_span` needs."""
    event = _read_event(body)
    attributes: dict[str, Any] = {
        "outworx.webhook.provider": "stripe",
        "http.request.method": method,
        "url.path": path,
        "http.route": route,
        "http.request.body.size": len(body),
        "outworx.webhook.event.type": event.type,
        "outworx.webhook.event.id": event.id,
        "outworx.webhook.signature.valid": True,
        "outworx.webhook.signature.kind": "hmac",
        "outworx.webhook.signature.key_index": 0,
        "outworx.webhook.signature.age": round(start_ns / 1e9 - signed, 3),
    }
    for name, value in headers:
        shown = "[redacted]" if name in _SECRET_HEADERS else value[:1024]
        attributes["http.request.header." + name] = (shown,)
    span = _tracer.start_span(
        "webhook stripe", kind=SpanKind.CONSUMER, attributes=attributes, start_time=start_ns
    )
    return span, context.attach(trace.set_span_in_context(span))


def close_span(span: Span, token: Any, status: int) -> None:
    """Ends it with the status of the answer."""
    context.detach(token)
    span.set_attributes({"outworx.webhook.outcome": "accepted", "http.response.status_code": status})
    span.end()


def headers_of(environ: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """The headers of a WSGI environ, or of Django's `request.META`."""
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), value
        elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            yield name.replace("_", "-").lower(), value
