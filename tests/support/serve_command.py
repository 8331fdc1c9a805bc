"""`outworx serve` as a process of its own."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

PATIENCE = 30.0
_READY = "Press Ctrl+C to stop."


class Command:
    """One run, from `start` until it has ended; what it says is in `said()`.

    Args:
        directory: where its database and its log are.
        arguments: after `outworx serve`; a free port is taken unless they name one.
        environ: variables besides the inherited ones that are not about this project.
    """

    def __init__(
        self, directory: Path, arguments: Sequence[str] = (), environ: Mapping[str, str] | None = None
    ) -> None:
        self._arguments = [*(() if "--port" in arguments else ("--port", "0")), *arguments]
        self._directory = directory
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("OUTWORX_")}
        self._environ = {**inherited, "NO_COLOR": "1", "COLUMNS": "200", **(environ or {})}
        self._log = directory / f"serve-{time.monotonic_ns()}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Command:
        """Starts it and waits until it takes connections."""
        self.run()
        deadline = time.monotonic() + PATIENCE
        while _READY not in self.said():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"it did not start:\n{self.said()}")
            time.sleep(0.02)
        return self

    def run(self) -> Command:
        """Starts it."""
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # a command of our own
                [sys.executable, "-m", "outworx_otel.cli", "serve", *self._arguments],
                cwd=self._directory,
                env=self._environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self._process is not None
        return self._process

    @property
    def port(self) -> int:
        """The port that it says it serves."""
        # One that shows a collector's table takes no OTLP.
        found = re.search(r"(?:OTLP/HTTP|Dashboard) +http://\S+:(\d+)/", self.said())
        assert found is not None, self.said()
        return int(found[1])

    @property
    def url(self) -> str:
        """How this machine reaches it."""
        return f"http://127.0.0.1:{self.port}"

    def said(self) -> str:
        """What it has printed and logged until now."""
        return self._log.read_text(errors="replace")

    def end(self, signum: int = signal.SIGTERM, patience: float = PATIENCE) -> int:
        """Sends a signal and waits so many seconds; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signum)
        return self.process.wait(patience)

    def kill(self) -> None:
        """Ends it in any case."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE)
