"""What every channel is."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final, Protocol

from outworx_otel.errors import OutworxError
from outworx_otel.server.channels.notice import Notice

SECONDS: Final = 30.0
"""The time of one attempt, whatever the other side does."""


class NotSent(OutworxError):
    """A notice that was not taken. Its text says why, and holds no secret."""


class Way(Protocol):
    """How a channel reaches people."""

    def send(self, notice: Notice, stopping: threading.Event) -> None:
        """Sends a notice within `SECONDS`, or soon after `stopping` is set.

        Raises:
            NotSent: it was not taken, or that is not known.
        """


@dataclass(frozen=True)
class Channel:
    """One of the configuration's `[[channels]]`.

    Args:
        name: how it is called in the log, in calls and on pages; servers that share a database share names.
        kind: the service's scheme (`slack`), `webhook` or `command`.
        way: sends.
        rules: those that it is told of; empty for all.
        services: those that it is told of; empty for all.
    """

    name: str
    kind: str
    way: Way
    rules: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
