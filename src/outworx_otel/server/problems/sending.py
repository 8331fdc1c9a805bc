"""What became of an alert at a channel."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

import msgspec

from outworx_otel.server.problems.alert import Alert

MAX_ATTEMPTS: Final = 100
"""So often a notice is tried at a channel: for about a day."""


class Sending(msgspec.Struct, frozen=True, kw_only=True):
    """How far a channel has told of an alert. A row of the table `alert_sendings`.

    Args:
        channel: the channel's name.
        told: how many of the alert's notices were sent.
        attempts: how often the next notice was tried in vain.
        error: why the last attempt was in vain; empty where it was not.
        next_ns: when it is tried again, in Unix nanoseconds; None where nothing is waiting, or it was given up.
        sent_ns: when a notice was last sent; None is never.
        given_up: whether the last notice was tried `MAX_ATTEMPTS` times.
    """

    channel: str
    told: int
    attempts: int
    error: str
    next_ns: int | None
    sent_ns: int | None
    given_up: bool


class FailingChannel(msgspec.Struct, frozen=True):
    """A channel that could not be told of alerts: of how many, and why not of one of them."""

    channel: str
    alerts: int
    error: str


class ClaimedAlert(msgspec.Struct, frozen=True):
    """A notice of an alert that is now this server's to send, until its lease ends.

    Args:
        alert: its present state; `notices` is the one that is sent.
        channel: the channel's name.
        holder: who sends it.
        attempts: how often this notice was tried in vain.
    """

    alert: Alert
    channel: str
    holder: str
    attempts: int


class AlertPage(msgspec.Struct, frozen=True):
    """Alerts with their sendings, those first that changed last."""

    alerts: list[tuple[Alert, list[Sending]]]
    next_cursor: str | None = None


def alert_address(alert: Alert) -> str:
    """The page that an alert leads to, below the server's own address: its problem's deliveries, or its endpoint."""
    if alert.problem_id is not None:
        return f"/deliveries?problem={alert.problem_id}"
    names = ("service", "environment", "provider", "route")
    of_endpoint = {name: getattr(alert, name) for name in names if getattr(alert, name)}
    return f"/?{urlencode(of_endpoint)}" if of_endpoint else "/"
