"""The states of a delivery, and what leads from one to the next.

    ARRIVED ──admit──► ADMITTED ──settle──► SETTLED ──report──► REPORTED
       │                  └──answer──┐      (its handler found it done)
       │ └───answer──► ANSWERED ◄────┘ ──report───────────────► REPORTED
       ├─────settle──► SETTLED      (cut off before the handler began)
       ├─────report──► REPORTED     (it never reached a handler)
       └─────drop────► DROPPED      (it was no delivery; also from ADMITTED and SETTLED)

What is not in the table has no effect: a second settle, a report after a report, a drop after a report.
"""

from __future__ import annotations

from typing import Final, Literal

State = Literal["arrived", "admitted", "answered", "settled", "reported", "dropped"]
"""Where a delivery is: `admitted` while its handler runs, `answered` where we answer in its place."""

Event = Literal["admit", "answer", "settle", "report", "drop"]
"""What happens to a delivery."""

TRANSITIONS: Final[dict[State, dict[Event, State]]] = {
    "arrived": {
        "admit": "admitted",
        "answer": "answered",
        "settle": "settled",
        "report": "reported",
        "drop": "dropped",
    },
    "admitted": {"settle": "settled", "answer": "answered", "drop": "dropped"},
    "answered": {"report": "reported"},
    "settled": {"report": "reported", "drop": "dropped"},
    "reported": {},
    "dropped": {},
}
