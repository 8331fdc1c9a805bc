"""What is sent of an alert: in words, and as JSON."""

from __future__ import annotations

import datetime
import time
from dataclasses import dataclass
from typing import Final

import msgspec

from outworx_otel.server.documents import iso_time
from outworx_otel.server.problems.alert import Alert, Rule
from outworx_otel.server.problems.alert_document import alert_document

# The other rules' counts say nothing.
_COUNTED: Final[dict[Rule, str]] = {
    **dict.fromkeys(("problem", "streak", "failure_share", "unverified", "unprotected"), "deliveries"),
    "unhandled_events": "events",
}
_MAX_TITLE: Final = 200


@dataclass(frozen=True)
class Notice:
    """An alert's present state, to be sent once.

    Args:
        alert: the alert.
        link: the page that tells more.
        is_test: whether it is sent to try a channel.
    """

    alert: Alert
    link: str
    is_test: bool = False

    @property
    def id(self) -> str:
        """The same each time that this notice is sent, so that a receiver can tell a repetition."""
        return f"alert_{self.alert.id}_{self.alert.raised_ns}_{self.alert.notices}"

    @property
    def is_over(self) -> bool:
        """Whether it tells of the end."""
        return self.alert.state == "ended"

    @property
    def title(self) -> str:
        """One line."""
        alert = self.alert
        before = "Over: " if self.is_over else "Still: " if alert.notices > 1 else ""
        return " ".join(f"{before}{alert.headline}".split())[:_MAX_TITLE]

    @property
    def text(self) -> str:
        """What, where, since when, how many, what to do, and where there is more."""
        alert = self.alert
        since = _moment(alert.since_ns)
        if alert.ended_ns is not None:
            since += f" until {_moment(alert.ended_ns)}"
        counted = _COUNTED.get(alert.rule)
        lines = [
            alert.what,
            f"Where: {alert.where}",
            f"Since: {since}",
            f"How many: {alert.count:,} {counted}" if counted else "",
            "" if self.is_over or not alert.advice else f"What to do: {alert.advice}",
            self.link,
        ]
        # What a delivery says stands in them, and may not begin a line of its own.
        return "\n".join(" ".join(line.split()) for line in lines if line)

    def json(self) -> bytes:
        """As Standard Webhooks recommends it: type, timestamp and data."""
        kind = "test" if self.is_test else self.alert.state
        document = {
            "type": f"alert.{kind}",
            "timestamp": iso_time(time.time_ns()),
            "data": {
                **msgspec.structs.asdict(alert_document(self.alert)),
                "title": self.title,
                "url": self.link,
            },
        }
        return msgspec.json.encode(document)


def _moment(ns: int) -> str:
    return datetime.datetime.fromtimestamp(ns / 1e9, datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
