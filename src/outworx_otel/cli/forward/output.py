"""What a running tunnel tells, whoever listens: a terminal, a pipe, a script."""

from __future__ import annotations

from typing import Any, Protocol

from outworx_otel.cli.forward.counts import Counts
from outworx_otel.cli.forward.exchange import Delivery, Described, LocalAnswer
from outworx_otel.cli.forward.server import Session
from outworx_otel.cli.forward.targets import Targets


class Output(Protocol):
    """One method for each thing that can happen."""

    counts: Counts

    def opened(self, session: Session, targets: Targets, again: bool) -> None:
        """The tunnel stands; `again`: it is that of a client that was cut off."""

    def begun(self, under_way: int) -> None:
        """So many deliveries are being answered."""

    def delivered(
        self, delivery: Delivery, described: Described, answer: LocalAnswer, rule: str | None
    ) -> None:
        """A delivery was answered; `rule` is the filter that it did not meet."""

    def explained(self, delivery: Delivery, document: dict[str, Any]) -> None:
        """What the server has learnt of a delivery that went wrong, from the application's own telemetry."""

    def lost(self, endpoint: str, reason: str, wait: float) -> None:
        """The server cannot be reached; it is tried again in `wait` seconds."""

    def back(self, waiting: int) -> None:
        """It can be reached again."""

    def moved(self, session: Session) -> None:
        """The public URL is another one now."""

    def noted(self, message: str) -> None:
        """Anything else that somebody should know."""

    def closed(self) -> None:
        """The tunnel is closed."""


def legible(text: str, limit: int = 200) -> str:
    """A stranger's text with nothing in it that a terminal would obey."""
    cut = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in cut)


def summary_of(document: dict[str, Any]) -> str:
    """A delivery's trouble in one line: the reason, its hint, and the place in the code."""
    reason = document.get("signature.reason") or document.get("silent_drop.cause")
    outcome = document.get("outcome", "")
    parts = [str(reason or document.get("error.type") or outcome)]
    if document.get("silent_drop.cause"):
        parts.insert(0, "silent drop:")
    elif document.get("processing.status") == "silent_drop":
        parts = ["silent drop"]
    place = document.get("code.file.path")
    if place:
        parts.append(f"at {place}:{document.get('code.line.number', '?')}")
    detail = document.get("signature.hint") or document.get("processing.reason")
    if detail:
        parts.append(f"- {detail}")
    return legible(" ".join(parts), 400)
