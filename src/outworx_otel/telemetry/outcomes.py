"""What can become of a request that is addressed to a webhook: the one closed set."""

from __future__ import annotations

from typing import Final, Literal

Outcome = Literal[
    "accepted",
    "handshake",
    "replayed",
    "deferred",
    "in_flight",
    "unprotected",
    "rejected",
    "refused",
    "turned_away",
    "redirected",
    "unrouted",
    "failed",
    "silent_drop",
    "error",
]
"""The value of `outworx.webhook.outcome`.

accepted: the handler answered 2xx or 3xx.
handshake: a provider's question whether the endpoint is there was answered; no event came.
replayed: a duplicate was given the stored answer.
deferred: the work goes on after the answer.
in_flight: a duplicate came while the first one was running (409).
unprotected: as accepted, but without its idempotency key (the store was away, or the block not called).
rejected: the signature was not valid, or the store was away and the endpoint demands it.
refused: the handler answered 4xx.
turned_away: something in front of the handler answered 4xx (CSRF, authentication, a limit).
redirected: the request was answered with another address before the handler.
unrouted: nothing serves the path, or not with this method (404, 405).
failed: the handler said that it did not handle the event.
silent_drop: answered 2xx or 3xx without a mark that the endpoint requires.
error: an exception or a 5xx, in the handler or before it.
"""

IdempotencyOutcome = Literal[
    "executed", "replayed", "in_flight", "fail_open", "rejected", "key_error", "no_key"
]
"""The value of `outworx.webhook.idempotency.outcome`.

executed: the key was new, and the handler ran.
replayed: it was done, and the stored answer was given.
in_flight: another delivery was working on it.
fail_open: the store was away, or the block not called, and the handler ran unprotected.
rejected: the store was away, and the endpoint demands it.
key_error: the application's key function raised.
no_key: the delivery has none.
"""

IdempotencyMode = Literal["store", "transaction"]
"""Where keys are kept: in a store of their own, or in the transaction of the effect."""

SpanStatus = Literal["unset", "error", "error_if_genuine"]

SPAN_STATUS: Final[dict[Outcome, SpanStatus]] = {
    "accepted": "unset",
    "handshake": "unset",
    "replayed": "unset",
    "deferred": "unset",
    "in_flight": "unset",
    "unprotected": "unset",
    "rejected": "error",
    "refused": "unset",
    "turned_away": "error_if_genuine",
    "redirected": "error_if_genuine",
    "unrouted": "error_if_genuine",
    "failed": "error",
    "silent_drop": "error",
    "error": "error",
}
"""The status of the span. What never became a delivery is an error only where it was proved genuine."""

OUTCOMES: Final[tuple[Outcome, ...]] = tuple(SPAN_STATUS)
"""All of them, the good ones first."""
