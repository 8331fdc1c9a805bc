"""What became of a delivery: its outcome, its type of error, and why its span is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from outworx_otel.telemetry._exceptions import MAX_TEXT, clean, in_words, type_of_error
from outworx_otel.telemetry._mark import Mark
from outworx_otel.telemetry._record import Record
from outworx_otel.telemetry.outcomes import SPAN_STATUS, Outcome


def outcome_of(record: Record) -> Outcome:
    """The outcome of a delivery whose handler has ended, or that was answered without it."""
    if record.error is not None:
        return "error"
    if record.rejected_for is not None:
        return "rejected"
    if record.idempotency_outcome == "replayed":
        return "replayed"
    if record.idempotency_outcome == "in_flight":
        return "in_flight"
    if record.processing in ("failed", "silent_drop", "deferred"):
        return record.processing
    status = record.status
    if status is None or status >= 500:
        return "error"
    if status >= 400:
        return "refused"
    return "unprotected" if record.idempotency_outcome == "fail_open" else "accepted"


def error_type_of(record: Record) -> str | None:
    """The value of `error.type`, or None where nothing went wrong."""
    if record.undelivered:
        return record.outcome if _is_loss(record) else None
    if record.error is not None:
        return type_of_error(record.error)
    if record.rejected_for is not None:
        return record.rejected_for
    if record.processing in ("failed", "silent_drop"):
        return record.processing
    if record.status is not None and record.status >= 500:
        return str(record.status)
    return None


def problem(record: Record) -> str | None:
    """Why the span is an error, or None where it is none."""
    if record.undelivered:
        return _LOSSES[record.outcome](record)[:MAX_TEXT] if _is_loss(record) else None
    if record.error is not None:
        return in_words(record.error)
    failed = record.status is not None and record.status >= 500
    if SPAN_STATUS.get(record.outcome) != "error" and not failed:
        return None
    if record.rejected_for is not None:
        causes = "".join(f": {in_words(cause)}" for cause in record.causes[:1])
        return f"rejected: {record.rejected_for}{causes}"[:MAX_TEXT]
    if record.processing == "failed" and record.mark is not None:
        return problem_of_mark(record.mark)
    if record.processing == "silent_drop":
        if record.findings:
            return f"silent drop: {record.findings[0]}"[:MAX_TEXT]
        return "silent drop: answered without marking the delivery as processed"
    return f"answered {record.status}"


def problem_of_mark(mark: Mark) -> str:
    """Why the work failed, as the handler said it."""
    return clean(f"failed: {mark.reason}") if mark.reason else "failed"


def _is_loss(record: Record) -> bool:
    """Whether the provider sent it, and no handler had it."""
    return record.is_genuine and record.outcome in _LOSSES


def _unrouted(record: Record) -> str:
    if record.status == 405:
        what = f"unrouted: this path is not served with {record.method[:32]}"
    else:
        what = "unrouted: nothing serves this path"
    if record.nearest_route is None:
        return f"{what}; check the address that the provider has, and that the route is deployed"
    return f"{what}; nearest route is {record.nearest_route}: change the address that the provider has, or the route"


_LOSSES: Final[dict[Outcome, Callable[[Record], str]]] = {
    "unrouted": _unrouted,
    "redirected": lambda record: (
        f"redirected: answered {record.status}, which few providers follow: give them the address that answers"
    ),
    "turned_away": lambda record: (
        f"turned away: answered {record.status} before the handler; let it through CSRF protection, authentication, "
        "allowed hosts and limits"
    ),
    "error": lambda record: (
        f"error: answered {record.status} before the handler"
        + ("" if record.error is None else f": {in_words(record.error)}")
    ),
}
