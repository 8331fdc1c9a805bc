"""Sends a test message to each channel."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence

from outworx_otel.server.channels.channel import Channel, NotSent
from outworx_otel.server.channels.notice import Notice
from outworx_otel.server.problems.alert import Alert


def try_channels(channels: Sequence[Channel], link: str) -> Iterator[tuple[Channel, str | None]]:
    """Sends a test message to one channel after the other, and says why it did not work; None where it did.

    Args:
        channels: where to.
        link: the page that the message leads to.
    """
    now = time.time_ns()
    alert = Alert(
        id=0,
        rule="problem",
        state="raised",
        subject="test",
        headline="Test of outworx alerts",
        what="This is a test: alerts of outworx serve reach this channel.",
        where="outworx alerts test",
        advice="Nothing.",
        since_ns=now,
        count=0,
        raised_ns=now,
        changed_ns=now,
    )
    for channel in channels:
        try:
            channel.way.send(Notice(alert, link, is_test=True), threading.Event())
        except NotSent as failure:
            yield channel, str(failure)
        else:
            yield channel, None
