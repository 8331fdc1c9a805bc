"""The states of a delivery, and what leads from one to the next.

    ARRIVED ──admit──► ADMITTED ──settle──► SETTLED ──report──► REPORTED
       │ └───answer──► ANSWERED ──report──────────────────────► REPORTED
       ├─────settle──► SETTLED      (cut off before the handler began)
       ├─────report──► REPORTED     (it never reached a handler)
       └─────drop────► DROPPED      (it was no delivery; also from ADMITTED and SETTLED)

What is not in the table has no effect: a second settle, a report after a report, a drop after a report.
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Final


class State(Enum):
    """Where a delivery is."""

    ARRIVED = auto()
    ADMITTED = auto()
    """The handler runs."""
    ANSWERED = auto()
    """We answered: rejected, replayed, or under way elsewhere."""
    SETTLED = auto()
    """Its status is known, and its key committed or released."""
    REPORTED = auto()
    DROPPED = auto()


class Event(Enum):
    """What happens to a delivery."""

    ADMIT = auto()
    ANSWER = auto()
    SETTLE = auto()
    REPORT = auto()
    DROP = auto()


TRANSITIONS: Final[dict[State, dict[Event, State]]] = {
    State.ARRIVED: {
        Event.ADMIT: State.ADMITTED,
        Event.ANSWER: State.ANSWERED,
        Event.SETTLE: State.SETTLED,
        Event.REPORT: State.REPORTED,
        Event.DROP: State.DROPPED,
    },
    State.ADMITTED: {Event.SETTLE: State.SETTLED, Event.DROP: State.DROPPED},
    State.ANSWERED: {Event.REPORT: State.REPORTED},
    State.SETTLED: {Event.REPORT: State.REPORTED, Event.DROP: State.DROPPED},
    State.REPORTED: {},
    State.DROPPED: {},
}
