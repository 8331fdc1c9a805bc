"""A problem: what goes wrong in one way at one place."""

from __future__ import annotations

from typing import Final, Literal, get_args

import msgspec

from outworx_otel.server.model import NOT_CALLED
from outworx_otel.server.retries import schedule_of

State = Literal["open", "acknowledged", "resolved", "ignored"]
STATES: Final[tuple[State, ...]] = get_args(State)


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """One problem, as pages, JSON and alerts show it. Texts are empty where there is none.

    Args:
        id: never given twice.
        state: `resolved` by hand or by ten good deliveries in a row at its endpoint.
        state_ns: since when; times are Unix nanoseconds.
        reopened: how often it has come again after it was resolved.
        overflow: it stands for all problems of its outcome that were too many to be told apart.
        code_function: the place in the application.
        version: `service.version` of the delivery that it began, or began again, with.
        message: what was said last: by the handler, the exception or the diagnosis.
        last_delivery: the id of the last of its deliveries.
        last_good_ns: the last good delivery of its endpoint.
        streak: its deliveries since that one.
        events: how many different ones its deliveries were of.
        unhandled_events: how many of these have not been handled since.
        refused_first_ns: when the first of these came that had no good answer, so that its provider sends it again.
    """

    id: int
    endpoint: int
    state: State
    state_ns: int
    reopened: int
    overflow: bool
    service: str
    environment: str
    provider: str
    route: str
    outcome: str
    reason: str
    cause: str
    exception_type: str
    code_function: str
    code_file: str
    version: str
    message: str
    last_delivery: str
    first_ns: int
    last_ns: int
    last_good_ns: int | None
    streak: int
    deliveries: int
    events: int
    unhandled_events: int
    refused_first_ns: int | None = None

    @property
    def retries_until_ns(self) -> int | None:
        """When the provider stops sending the first unhandled event again, at the latest; None if not known."""
        schedule = schedule_of(self.provider)
        if schedule is None or self.refused_first_ns is None:
            return None
        return schedule.until_ns(self.refused_first_ns)

    @property
    def headline(self) -> str:
        """What happens, in one line."""
        return f"{self.provider} {self.route or '(no route)'}: {self.happening}"

    @property
    def happening(self) -> str:
        """What happens, in a few words."""
        if self.overflow:
            return f"more {_WORDS.get(self.outcome, self.outcome)} than can be told apart"
        words = _REASONS.get(self.reason) or _CAUSES.get(self.cause)
        if words is None:
            words = _WORDS.get(self.outcome, self.outcome)
        if self.exception_type:
            words = f"{self.exception_type.rpartition('.')[2]}, {words}"
        if self.code_function or self.code_file:
            file = self.code_file.replace("\\", "/").rpartition("/")[2]
            place = (
                f"{self.code_function} ({file})"
                if self.code_function and file
                else self.code_function or file
            )
            words = f"{words} in {place}"
        return words

    @property
    def advice(self) -> str:
        """What to do."""
        return advice_of(self.outcome, self.reason, self.cause)


def advice_of(outcome: str, reason: str, cause: str) -> str:
    """Returns what to do about a problem, in words of our own alone."""
    return (
        _REASON_ADVICE.get(reason)
        or _CAUSE_ADVICE.get(cause)
        or _ADVICE.get(outcome, "Look at one of its deliveries.")
    )


class ProblemPage(msgspec.Struct, frozen=True):
    """Problems, those first that came last; `next_cursor` asks for those after, None where there are none."""

    problems: list[Problem]
    next_cursor: str | None


_WORDS: Final[dict[str, str]] = {
    "refused": "refused by the handler (4xx)",
    "failed": "the handler said that it failed",
    "silent_drop": "answered well and not processed",
    "unprotected": "the idempotency store is away, so events may run twice",
    "error": "an exception or a 5xx",
    "unrouted": "genuine deliveries to a path or method that nothing serves",
    "redirected": "genuine deliveries are redirected before the handler",
    "turned_away": "genuine deliveries are turned away before the handler",
    "rejected": "the signature is not valid",
}
_REASONS: Final[dict[str, str]] = {
    "parsed_body": "the body is re-serialised on its way, so the signature does not fit",
    "hmac_mismatch": "the signature does not fit the secret",
    "credentials_mismatch": "the token or the password is not the configured one",
    "timestamp_drift": "signed outside the time window: a clock is off, or deliveries come late",
    "missing_secret": "no secret is set",
    "unsupported_provider": "the provider is not supported",
    "key_unavailable": "the provider's key cannot be had",
    "store_unavailable": "the idempotency store is away",
}
_CAUSES: Final[dict[str, str]] = {
    "early_return": "silent drop by an early return",
    "never_marked": "silent drop: the handler never marks a delivery",
    "swallowed_exception": "silent drop: an exception was swallowed",
    "missing_await": "silent drop: a coroutine is never awaited",
    NOT_CALLED: "handled without track.once(), so events may run twice",
}
_REASON_ADVICE: Final[dict[str, str]] = {
    "parsed_body": "Something in front of the application rewrites JSON: verify the raw body as it was received.",
    "hmac_mismatch": "Compare the endpoint's secret with the provider's: was it rotated, or another endpoint's?",
    "credentials_mismatch": "Compare the endpoint's secret with what is set at the provider: was it changed there?",
    "timestamp_drift": "Set this machine's clock (NTP); if it is right, look why deliveries come late.",
    "missing_secret": "Set the endpoint's secret: its variable is unset.",
    "unsupported_provider": "Check the provider's name in the endpoint's options.",
    "key_unavailable": "Check whether this machine reaches the provider's keys.",
    "store_unavailable": "Bring the idempotency store back.",
}
_CAUSE_ADVICE: Final[dict[str, str]] = {
    "early_return": "Mark the delivery before this return: processed(), failed() or ignored().",
    "never_marked": "Call processed(), failed() or ignored() on the track, or drop require_processing_mark.",
    "swallowed_exception": "Let the exception out, or call failed() where it is caught.",
    "missing_await": "Await the coroutine.",
    NOT_CALLED: "Put all that must happen once into track.once(session), on every way through the handler.",
}
_ADVICE: Final[dict[str, str]] = {
    "refused": "Look at what the handler does not take in one of its deliveries.",
    "failed": "See what the handler said, mend it, and replay what is unhandled.",
    "silent_drop": "See where the handler returns without a mark, mend it, and replay what is unhandled.",
    "unprotected": "Bring the idempotency store back: until then the same event may run twice.",
    "error": "Mend the exception, and replay what is unhandled.",
    "unrouted": "Correct the URL at the provider, or serve this path again.",
    "redirected": "Give the provider the address that it is redirected to: most do not follow.",
    "turned_away": "Let the provider pass whatever answers before the handler (CSRF, authentication, limits).",
    "rejected": "See what the diagnosis of one of its deliveries has proved.",
}
