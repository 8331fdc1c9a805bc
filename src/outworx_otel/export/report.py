"""What the exporter logs: each kind of trouble once, every loss with its count, at a bounded rate."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

from outworx_otel.errors import ExportError, OutworxError

if TYPE_CHECKING:
    from outworx_otel.export.destination import Destination

OnError = Callable[[OutworxError], object]

_SAY_DROPS_EVERY: Final = 60.0

_logger = logging.getLogger("outworx_otel")


class _Said:
    """The topics that were logged about one destination."""

    __slots__ = ("__weakref__", "topics")

    def __init__(self) -> None:
        self.topics: set[str] = set()


# Spans and metrics of one destination share them: a rejected key is logged once for both.
_about: Final[WeakValueDictionary[str, _Said]] = WeakValueDictionary()


class ExportReport:
    """Logs, and calls `on_error`, for one export queue. Only the queue's worker thread uses it.

    Args:
        destination: where the telemetry goes; its key is never written.
        noun: what the queue holds, for example "spans".
        on_error: gets an `ExportError` for each message; what it raises is logged and swallowed.
    """

    def __init__(self, destination: Destination, noun: str, on_error: OnError | None = None) -> None:
        self._endpoint = destination.endpoint
        self._said = _about.setdefault(destination.fingerprint, _Said())
        local = urlsplit(destination.endpoint).hostname in ("localhost", "127.0.0.1", "::1")
        self._advice = "; `outworx serve` starts a receiver on this machine" if local else ""
        self._debug = destination.debug
        self._noun = noun
        self._on_error = on_error
        self.restart()

    def restart(self) -> None:
        """Forgets what was counted. Called in a forked child, whose parent reports its own losses."""
        self._dropped: dict[str, int] = {}
        self._next_drop_line = 0.0
        self._in_trouble = self._closing = False
        self.total_dropped = 0

    def delivered(self, count: int, detail: str, rejected: int) -> None:
        """Reports a delivered batch, of which the receiver may have rejected a part (OTLP partial success)."""
        self.forget("key")
        if self._in_trouble:
            self._in_trouble = False
            if self.forget("trouble"):
                _logger.warning("%s answers again: what was kept is delivered", self._endpoint)
        if rejected:
            self.dropped(rejected, f"rejected by the receiver: {detail or 'no reason given'}")
        elif detail:
            self.once("partial", f"{self._endpoint} accepted the {self._noun} with a warning: {detail}")
        if self._debug:
            _logger.info("delivered %d %s to %s", count - rejected, self._noun, self._endpoint)

    def trouble(self, detail: str, kept_for: float) -> None:
        """Reports a passing failure, when it begins and not at every attempt."""
        if not self._in_trouble:
            self._in_trouble = True
            # Once for spans and metrics: it is one receiver that is away.
            self.once(
                "trouble",
                f"cannot deliver to {self._endpoint} ({detail}); {self._noun} are kept and tried again for up to"
                f" {kept_for:.0f} s{self._advice}",
            )

    def key_rejected(self, detail: str, pause: float) -> None:
        """Reports that the receiver does not accept the key."""
        self.once(
            "key",
            f"the API key was rejected ({detail}): check OUTWORX_API_KEY or init(api_key=...), and that"
            f" the key belongs to {self._endpoint}; tried again every {pause:.0f} s until then",
        )

    def dropped(self, count: int, why: str) -> None:
        """Counts a loss. It is logged at once, or with the next line if one was just written."""
        if count > 0:
            self.total_dropped += count
            self._dropped[why] = self._dropped.get(why, 0) + count
            if time.monotonic() >= self._next_drop_line and not self._closing:
                self.say_drops()

    def closes(self) -> None:
        """Holds losses back for the line that the last `say_drops` writes: the queue is about to end."""
        self._closing = True

    def say_drops(self, *, if_due: bool = False) -> None:
        """Logs what was counted since the last line."""
        now = time.monotonic()
        if not self._dropped or (if_due and now < self._next_drop_line):
            return
        losses, self._dropped = self._dropped, {}
        self._next_drop_line = now + _SAY_DROPS_EVERY
        parts = "; ".join(f"{count} ({why})" for why, count in losses.items())
        self.say(f"dropped {self._noun} for {self._endpoint}: {parts}")

    def next_line_in(self) -> float | None:
        """Returns the seconds until a counted loss may be logged, None if nothing was lost."""
        return max(self._next_drop_line - time.monotonic(), 0.0) if self._dropped else None

    def once(self, topic: str, message: str) -> None:
        """Logs a message about a topic of this destination once."""
        if topic not in self._said.topics:
            self._said.topics.add(topic)
            self.say(message)

    def forget(self, topic: str) -> bool:
        """Lets `once` log about a topic again. Returns whether it has done so."""
        was_said = topic in self._said.topics
        self._said.topics.discard(topic)
        return was_said

    def say(self, message: str) -> None:
        """Logs a warning and passes it to `on_error`."""
        _logger.warning("%s", message)
        if self._on_error is None:
            return
        try:
            self._on_error(ExportError(message))
        except Exception:
            _logger.exception("on_error raised; the exception is ignored")
