"""The interface by which a running tunnel reports to a terminal, a pipe or a script."""

from __future__ import annotations

from typing import Any, Protocol

from outworx_otel.cli.console import terminal_safe
from outworx_otel.cli.forward.local_targets import Targets
from outworx_otel.cli.forward.relay_client import OpenedSession
from outworx_otel.cli.forward.status_counts import StatusCounts
from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, RequestKind, TunnelledRequest


class Output(Protocol):
    """One method for each thing that can happen."""

    counts: StatusCounts

    def opened(self, session: OpenedSession, targets: Targets, again: bool) -> None:
        """The tunnel stands; `again`: it is that of a client that was cut off."""

    def begun(self, under_way: int) -> None:
        """So many deliveries are being answered."""

    def delivered(
        self, delivery: TunnelledRequest, described: RequestKind, answer: LocalAnswer, rule: str | None
    ) -> None:
        """A delivery was answered; `rule` is the filter that it did not meet."""

    def explained(self, delivery: TunnelledRequest, document: dict[str, Any]) -> None:
        """What the server has learnt of a delivery that went wrong, from the application's own telemetry."""

    def lost(self, endpoint: str, reason: str, wait: float) -> None:
        """The server cannot be reached; it is tried again in `wait` seconds."""

    def back(self, waiting: int) -> None:
        """It can be reached again."""

    def moved(self, session: OpenedSession) -> None:
        """The public URL is another one now."""

    def noted(self, message: str) -> None:
        """Reports anything else."""

    def closed(self) -> None:
        """The tunnel is closed."""


def summary_of(document: dict[str, Any]) -> str:
    """Returns why a delivery failed, in one line: the reason, its hint, and the place in the code."""
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
    return terminal_safe(" ".join(parts), 400)
