"""A delivery that attacks whoever looks at it."""

from __future__ import annotations

from typing import Any

from outworx_otel.server.model import SpanEvent, SpanLink, StoredDelivery
from outworx_otel.telemetry import semconv
from server.dashboard.kept import delivery

HOSTILE_TEXT = (
    '<script>document.title="owned"</script>"><img src=x onerror=alert(1)>\'; DROP TABLE deliveries; --'
)
HOSTILE_CONTROLS = "a\x00b\x1b[31mc\u202eevil\u2066d\u200be\x7f\r\nSet-Cookie: x=1"
EMOJI = "🦊" * 262_144
"""A mebibyte in UTF-8."""


def hostile(**fields: Any) -> StoredDelivery:
    """One that attacks whoever looks at it, wherever text can stand."""
    attributes = {
        semconv.SIGNATURE_HINT: HOSTILE_TEXT,
        semconv.CODE_FILE: HOSTILE_TEXT,
        semconv.CODE_LINE: HOSTILE_TEXT,
        semconv.PROCESSING_REASON: HOSTILE_CONTROLS,
        semconv.SIGNATURE_AGE: "not a number",
        semconv.PROCESSING_MARKED_AT: float("nan"),
        semconv.REQUEST_BODY: '{"text": "'
        + HOSTILE_TEXT.replace('"', '\\"')
        + '", "emoji": "'
        + EMOJI
        + '"}',
        semconv.RESPONSE_BODY: HOSTILE_TEXT + HOSTILE_CONTROLS,
        f"{semconv.HTTP_REQUEST_HEADER_PREFIX}x-{HOSTILE_TEXT}": [HOSTILE_TEXT, HOSTILE_CONTROLS],
        f"{semconv.METADATA_PREFIX}{HOSTILE_TEXT}": HOSTILE_CONTROLS,
        "n" * 10_000: "v" * 10_000,
        "list": [1, [2, [3.5, None]], True],
    }
    event = SpanEvent(
        "exception",
        0,
        {
            "exception.type": HOSTILE_TEXT,
            "exception.message": HOSTILE_CONTROLS,
            "exception.stacktrace": HOSTILE_TEXT * 400,
        },
    )
    return delivery(
        "error",
        **{
            "status": 500,
            "provider": "evil",
            "event_type": HOSTILE_TEXT,
            "event_id": HOSTILE_CONTROLS,
            "route": f"/{HOSTILE_TEXT}",
            "path": f"//evil.example/{HOSTILE_TEXT}",
            "service": HOSTILE_TEXT,
            "reason": HOSTILE_TEXT,
            "cause": HOSTILE_TEXT,
            "processing": HOSTILE_TEXT,
            "idempotency": HOSTILE_TEXT,
            "attributes": attributes,
            "resource": {HOSTILE_TEXT: HOSTILE_CONTROLS},
            "events": (event,),
            "links": (SpanLink(HOSTILE_TEXT, HOSTILE_TEXT),),
            "status_message": HOSTILE_TEXT,
            **fields,
        },
    )
