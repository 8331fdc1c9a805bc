"""Until when a provider sends an event again that was not taken: only where its own documentation says so."""

from __future__ import annotations

from typing import Final

import msgspec

from outworx_otel.server.formatting import span
from outworx_otel.signatures.registry import built_in_provider

UNKNOWN_SECONDS: Final = 86_400.0
"""How long a provider is taken to try again whose schedule is not known."""

_SOONEST: Final = 600.0
_SECOND: Final = 10**9


class Schedule(msgspec.Struct, frozen=True):
    """When a provider stops.

    Args:
        title: its name for people.
        after: seconds from its first attempt; 0: it never tries again.
        source: where it says so.
    """

    title: str
    after: float
    source: str

    def until_ns(self, first_ns: int) -> int:
        """When it stops at the latest, in Unix nanoseconds: its first attempt may not have come through."""
        return first_ns + int(self.after * _SECOND)

    @property
    def words(self) -> str:
        """Its schedule in words."""
        return "never tries again" if not self.after else f"tries again for {span(self.after)}"


def schedule_of(provider: str) -> Schedule | None:
    """A provider's schedule; None where its documentation, as far as it was read, gives none."""
    found = built_in_provider(provider)
    if found is None or found.gives_up is None:
        return None
    return Schedule(found.scheme.title, *found.gives_up)


def too_long(provider: str, given: float | None) -> float:
    """After how many seconds an event is unhandled for too long.

    Args:
        given: what the settings say for every provider; None is as long as each tries again.
    """
    if given is not None:
        return given
    schedule = schedule_of(provider)
    return UNKNOWN_SECONDS if schedule is None else max(schedule.after, _SOONEST)


def told_of_retries(provider: str, status: int | None, first_ns: int, now_ns: int, until: str) -> str | None:
    """Whether the provider sends an event again that went wrong, in a sentence; None where that is not known.

    Args:
        status: of the last answer.
        first_ns: when the event came first.
        until: `Schedule.until_ns` in words.
    """
    schedule = schedule_of(provider)
    if schedule is None or status is None:
        return None
    if 200 <= status < 300:
        return f"It was answered {status}, so {schedule.title} takes it for delivered and does not send it again."
    if not schedule.after:
        return f"{schedule.title} never sends an event again: replay it."
    if schedule.until_ns(first_ns) > now_ns:
        return f"{schedule.title} stops sending it again at {until}, at the latest."
    return f"{schedule.title} has stopped sending it again, at {until} at the latest: replay it."
