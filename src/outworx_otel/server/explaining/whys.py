"""Says in a line of words why a delivery ended as it did, for lists."""

from __future__ import annotations

from typing import Final, NamedTuple

from outworx_otel.server.explaining.codes import CAUSES, KINDS, REASONS, advice_for
from outworx_otel.server.model import NOT_CALLED, Summary

_CAUSE_NOT_KNOWN: Final = "the cause is not known: a run on Python 3.12 or newer would show it"
_REASON_NOT_KNOWN: Final = (
    "the handler did not say why: track.failed(reason) would show it",
    "no exception was recorded: the application's log may show why",
)
_STORE_WORDS: Final = {
    "fail_open": "the idempotency store did not answer: it may have run twice",
    NOT_CALLED: "the handler never came to its track.once(): it may run twice",
    "rejected": "the idempotency store did not answer: turned away with 503",
    "key_error": "the idempotency_key function raised: it ran without a key",
}


class Why(NamedTuple):
    """Why, in words.

    Args:
        text: the line.
        code: the code that the words stand for, where there is one.
        known: whether it is the reason; False where the line says what would show it.
    """

    text: str
    code: str = ""
    known: bool = True


def why_of(delivery: Summary) -> Why:
    """Returns why a delivery ended as it did: what was proved, else what the application said, else what happened."""
    match delivery.outcome:
        case "failed":
            said = said_by_the_application(delivery)
            return Why(said) if said else Why(_REASON_NOT_KNOWN[0], known=False)
        case "error" if delivery.idempotency == "rejected":
            return _idempotency("rejected")
        case "error":
            return _error(delivery)
        case "silent_drop":
            cause = advice_for(CAUSES, delivery.cause)
            if cause is None or delivery.cause is None:
                return Why(_CAUSE_NOT_KNOWN, known=False)
            return Why(f"{cause.title}{_place(delivery)}", delivery.cause)
        case "unprotected":
            return _idempotency(NOT_CALLED if delivery.idempotency == NOT_CALLED else "fail_open")
        case "refused":
            said = said_by_the_application(delivery)
            return Why(said or f"the handler answered {_status(delivery)}")
        case "turned_away":
            return Why(f"something in front of the handler answered {_status(delivery)}")
        case _:
            return _by_its_signature(delivery)


def said_by_the_application(delivery: Summary) -> str | None:
    """Returns why it failed in the application's words; None where the span's error type says no more than we do."""
    codes = (delivery.outcome, delivery.reason, delivery.cause, str(delivery.status), "error", "failed")
    return None if delivery.failure in codes else delivery.failure or None


def _error(delivery: Summary) -> Why:
    said = said_by_the_application(delivery)
    if said:
        return Why(f"{said}{_place(delivery)}")
    answered = f"answered {_status(delivery)}; " if delivery.status is not None else ""
    return Why(f"{answered}{_REASON_NOT_KNOWN[1]}", known=False)


def _by_its_signature(delivery: Summary) -> Why:
    reason = advice_for(REASONS, delivery.reason)
    if reason is not None and delivery.reason is not None:
        before = "" if delivery.outcome == "rejected" else "let in although "
        return Why(f"{before}{reason.title}", delivery.reason)
    if delivery.outcome == "rejected":
        return Why("the signature was not valid", known=False)
    if delivery.idempotency in ("fail_open", NOT_CALLED, "key_error"):
        return _idempotency(delivery.idempotency)
    if delivery.outcome != "accepted":
        kind = KINDS.get(delivery.outcome)
        return Why(kind.meaning if kind else "")
    match delivery.processing:
        case "ignored":
            return Why("ignored: none of the handler's business")
        case "completed":
            return Why("the handler said that it was done")
        case _:
            return Why(f"the handler answered {_status(delivery)}")


def _idempotency(code: str) -> Why:
    return Why(_STORE_WORDS[code], code)


def _status(delivery: Summary) -> str:
    return "nothing" if delivery.status is None else str(delivery.status)


def _place(delivery: Summary) -> str:
    """The file and the function, short: the delivery's page has all of it."""
    file = (delivery.code_file or "").replace("\\", "/").rpartition("/")[2]
    if not file:
        return ""
    return f" ({file}, {delivery.code_function})" if delivery.code_function else f" ({file})"
