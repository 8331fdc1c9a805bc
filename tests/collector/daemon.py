"""A program of somebody else's as a process: started on free ports, waited for, ended by its id, its log kept."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import httpx
from support.sender import NO_CERTIFICATES
from typing_extensions import Self

PATIENCE = 60.0
Found = TypeVar("Found")


class Daemon:
    """What the Collector, Jaeger and Prometheus have in common.

    Args:
        folder: of this one alone; its files and its log are there.
        environ: variables besides the inherited ones that concern no telemetry.
    """

    name = ""

    def __init__(self, folder: Path, environ: Mapping[str, str] | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.environ = dict(environ or {})
        self._log = folder / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """What is run."""
        raise NotImplementedError

    def is_ready(self) -> bool:
        """Whether it takes what it is sent."""
        raise NotImplementedError

    def start(self) -> Self:
        """Starts it, and waits until it is ready."""
        self.run()
        until(self.is_ready, lambda: f"{self.name} is not ready:\n{self.log()[-5000:]}", self._must_run)
        return self

    def run(self) -> Self:
        """Starts it."""
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OTEL_", "OUTWORX_", "OTLP_"))
        }
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(  # noqa: S603  # what make backends built
                self.command(),
                cwd=self.folder,
                env={**inherited, **self.environ},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The process."""
        assert self._process is not None, f"{self.name} was not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    def log(self) -> str:
        """What it has written so far, in all of its runs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def complaints(self) -> list[str]:
        """Lines of its log that are warnings or errors."""
        return [line for line in self.log().splitlines() if "\terror\t" in line or "\twarn\t" in line]

    def kill(self) -> None:
        """`kill -9`."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def stop(self) -> int:
        """SIGTERM, and SIGKILL where that does not help; its exit status."""
        if self._process is None:
            return 0
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.kill()
        return self._process.returncode

    def cpu_seconds(self) -> float:
        """What it has used of the processor in this run."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def resident_bytes(self) -> int:
        """Its memory."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def listening(self) -> set[tuple[str, int]]:
        """The TCP addresses that it has open."""
        import psutil

        return {
            (found.laddr.ip, found.laddr.port)
            for found in psutil.Process(self.pid).net_connections("tcp")
            if found.status == psutil.CONN_LISTEN
        }

    def _must_run(self) -> None:
        assert self.process.poll() is None, (
            f"{self.name} ended with {self.process.returncode}:\n{self.log()[-5000:]}"
        )


def until(
    condition: Callable[[], Found],
    complaint: Callable[[], str] = lambda: "it did not come",
    meanwhile: Callable[[], None] = lambda: None,
    patience: float = PATIENCE,
) -> Found:
    """Polls until there is something true, and returns that."""
    deadline = time.monotonic() + patience
    while True:
        found = condition()
        if found:
            return found
        meanwhile()
        if time.monotonic() > deadline:
            raise AssertionError(complaint())
        time.sleep(0.05)


def takes_connections(port: int, host: str = "127.0.0.1") -> bool:
    """Whether somebody listens."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=2):
        return True
    return False


def answers(url: str) -> bool:
    """Whether GET is answered by 2xx."""
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5, verify=NO_CERTIFICATES).is_success
    return False
