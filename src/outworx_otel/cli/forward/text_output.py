"""Lines for people: with colours and a footer on a terminal, plain in a pipe."""

from __future__ import annotations

import asyncio
import datetime
import sys
from typing import Any, Final

from rich.console import Console
from rich.live import Live
from rich.text import Text

from outworx_otel.cli.console import terminal_safe
from outworx_otel.cli.forward.local_targets import Targets
from outworx_otel.cli.forward.output import summary_of
from outworx_otel.cli.forward.relay_client import OpenedSession
from outworx_otel.cli.forward.status_counts import StatusCounts
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, RequestKind, TunnelledRequest

# How often the footer is drawn anew, at most.
_REDRAW: Final = 0.1


class TextOutput:
    """Writes to standard output.

    Args:
        verbose: also says provider and event type in each line.
    """

    def __init__(self, verbose: bool = False) -> None:
        # A terminal of another encoding has no arrow; that is no reason to fail.
        reconfigure = getattr(sys.stdout, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
        self._console = Console(highlight=False, emoji=False, markup=False)
        self._verbose = verbose
        self._live: Live | None = None
        self._redraw: asyncio.TimerHandle | None = None
        self.counts = StatusCounts()

    def opened(self, session: OpenedSession, targets: Targets, again: bool) -> None:
        """The header."""
        self._say("outworx forward  →  ", str(targets[0]))
        for target in targets[1:]:
            self._say(" " * len("outworx forward  →  "), str(target))
        self._say("Public URL:  ", (terminal_safe(session.ingressUrl), "bold"))
        self._say("Expires:     ", terminal_safe(session.expiresAt))
        if again:
            self._say(
                ("Resumed: an earlier outworx forward was cut off, and its Public URL is this one.", "dim")
            )
        self._say("Press Ctrl+C to stop.")
        print(flush=True)
        if self._console.is_terminal and not self._console.is_dumb_terminal:
            self._live = Live(
                self._footer(),
                console=self._console,
                auto_refresh=False,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start(refresh=True)

    def begun(self, under_way: int) -> None:
        """In the footer alone."""
        self.counts.under_way = under_way
        self._draw_soon()

    def delivered(
        self, delivery: TunnelledRequest, described: RequestKind, answer: LocalAnswer, rule: str | None
    ) -> None:
        """`16:18:51  POST /webhooks/stripe  200  42ms`."""
        self.counts.add(described, answer, rule is not None)
        if rule is not None:
            line = f"{_called(delivery)}  {answer.status}  filtered: {terminal_safe(rule)} not met"
            self._timed((line, "dim"))
        else:
            style = "green" if answer.status < 300 else "yellow" if answer.status < 500 else "red"
            words: list[str | tuple[str, str]] = [
                f"{_called(delivery)}  ",
                (str(answer.status), style),
                f"  {answer.seconds * 1000:.0f}ms",
            ]
            if answer.problem is not None:
                words.append((f"  {terminal_safe(answer.problem)}", "red"))
            if self._verbose and described.provider:
                words.append(
                    (f"  {terminal_safe(f'{described.provider} {described.event_type}'.strip())}", "dim")
                )
            self._timed(*words)
        self._draw_soon()

    def explained(self, delivery: TunnelledRequest, document: dict[str, Any]) -> None:
        """Below the line that it belongs to, which may have moved up meanwhile."""
        self._timed(f"{_called(delivery)}  ", (summary_of(document), "yellow"))

    def lost(self, endpoint: str, reason: str, wait: float) -> None:
        """That it is, why, and when it is tried again."""
        self._timed(
            (f"connection to {endpoint} lost ({terminal_safe(reason)}); trying again in {wait:.0f} s", "red")
        )

    def back(self, waiting: int) -> None:
        """And how many have waited."""
        events = {0: "nothing was", 1: "1 event was"}.get(waiting, f"{waiting} events were")
        self._timed((f"back; {events} waiting", "green"))

    def moved(self, session: OpenedSession) -> None:
        """The provider has to be told."""
        self._timed(("the session is over, and this is another one; point the provider at its URL", "yellow"))
        self._say("Public URL:  ", (terminal_safe(session.ingressUrl), "bold"))
        self._say("Expires:     ", terminal_safe(session.expiresAt))

    def noted(self, message: str) -> None:
        """A line of its own."""
        self._timed((terminal_safe(message, 400), "yellow"))

    def closed(self) -> None:
        """The sum of it."""
        if self._redraw is not None:
            self._redraw.cancel()
        if self._live is not None:
            self._live.stop()
            self._live = None
        self.counts.under_way = 0
        print(flush=True)
        self._say(f"Closed. {self.counts}")

    def _say(self, *words: str | tuple[str, str]) -> None:
        if self._console.is_terminal:
            self._console.print(Text.assemble("  ", *words), soft_wrap=True)
        else:
            plain = "".join(word if isinstance(word, str) else word[0] for word in words)
            sys.stdout.write(f"  {plain}\n")
            sys.stdout.flush()

    def _timed(self, *words: str | tuple[str, str]) -> None:
        now = datetime.datetime.now().astimezone().strftime("%H:%M:%S")
        self._say((now, "dim"), "  ", *words)

    def _footer(self) -> Text:
        return Text(f"  {self.counts}", style="dim", no_wrap=True, overflow="ellipsis")

    def _draw_soon(self) -> None:
        if self._live is not None and self._redraw is None:
            self._redraw = asyncio.get_running_loop().call_later(_REDRAW, self._draw)

    def _draw(self) -> None:
        self._redraw = None
        if self._live is not None:
            self._live.update(self._footer(), refresh=True)


def _called(delivery: TunnelledRequest) -> str:
    return terminal_safe(f"{delivery.method} {delivery.path}")
