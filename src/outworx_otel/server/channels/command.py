"""A command of the user's own: the alert as JSON on its standard input."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from outworx_otel.server.channels.channel import SECONDS, NotSent
from outworx_otel.server.channels.notice import Notice
from outworx_otel.server.channels.program import run_program

# What is the server's own.
_KEPT_BACK = ("OUTWORX_SERVE_API_KEYS", "OUTWORX_SERVE_DATABASE", "OUTWORX_SERVE_STATE")


@dataclass(frozen=True)
class Command:
    """Runs a program for each notice. Exit status 0 says that it was taken.

    Args:
        arguments: the program and its arguments; no shell reads them.
        seconds: after them it is killed, and what it has started too.
    """

    arguments: tuple[str, ...]
    seconds: float = SECONDS

    def send(self, notice: Notice, stopping: threading.Event) -> None:
        """See `Way.send`. What the program prints as an error stands in the server's log."""
        program = self.arguments[0]
        environ = {name: value for name, value in os.environ.items() if name not in _KEPT_BACK}
        try:
            ran = run_program(
                self.arguments, notice.json(), seconds=self.seconds, stopping=stopping, environ=environ
            )
        except OSError as error:
            raise NotSent(f"{program} cannot be started: {error.strerror or error}") from error
        if ran.status is None:
            raise NotSent(f"{program} did not end within {self.seconds:g} s")
        if ran.status:
            raise NotSent(f"{program} ended with {_ending(ran.status)}")


def _ending(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"signal {-status}"
