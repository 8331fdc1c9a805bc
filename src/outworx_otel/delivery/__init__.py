"""The lifecycle of one delivery: verify, claim, [handler], settle, report. No framework, no I/O of its own."""

from outworx_otel.delivery._deferred import ResumedWork, resume, token_to_send
from outworx_otel.delivery._event_key import MAX_STORED_BODY
from outworx_otel.delivery._lifecycle import Delivery
from outworx_otel.delivery._messages import (
    BodyProblem,
    InboundRequest,
    OutboundResponse,
    Proceed,
    Respond,
    respond,
)

__all__ = [
    "MAX_STORED_BODY",
    "BodyProblem",
    "Delivery",
    "InboundRequest",
    "OutboundResponse",
    "Proceed",
    "Respond",
    "ResumedWork",
    "respond",
    "resume",
    "token_to_send",
]
