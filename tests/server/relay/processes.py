"""Processes: started, waited for by what they write, ended by their id."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from support.receiver import free_port
from support.sender import NO_CERTIFICATES

from .waiting import PATIENCE, wait_for

SITES = Path(__file__).parent / "sites"
_URL = re.compile(r"Public URL: +(\S+)")


class Process:
    """One process, its output in a file.

    Args:
        command: what to run.
        directory: the working directory.
        environ: variables besides the inherited ones that are not ours.
    """

    _number = 0

    def __init__(
        self, command: Sequence[str], directory: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        Process._number += 1
        self._command = list(command)
        self._directory = directory
        self._environ = _quiet_environment(directory) | dict(environ or {})
        self._out = directory / f"out-{Process._number}.txt"
        self._err = directory / f"err-{Process._number}.txt"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Any:
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self._process = subprocess.Popen(  # noqa: S603  # a command of our own
                self._command,
                cwd=self._directory,
                env=self._environ,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                start_new_session=True,
            )
        return self

    @property
    def runs(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def out(self) -> str:
        return self._out.read_text()

    @property
    def err(self) -> str:
        return self._err.read_text()

    def says(self, pattern: str) -> re.Match[str]:
        """Waits until its output matches."""
        return wait_for(lambda: re.search(pattern, self.out, re.MULTILINE) or self._still_runs(), self.log)

    def _still_runs(self) -> None:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"it ended with {self._process.returncode}\n{self.log()}")

    def log(self) -> str:
        return f"--- out\n{self.out}\n--- err\n{self.err}"

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def wait(self) -> int:
        """Its exit status."""
        assert self._process is not None
        return self._process.wait(PATIENCE)

    def interrupt(self) -> int:
        """Ctrl+C."""
        self.send(signal.SIGINT)
        return self.wait()

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.kill()


class Forward(Process):
    """`outworx forward`."""

    def __init__(
        self, arguments: Sequence[str], directory: Path, endpoint: str, environ: Mapping[str, str]
    ) -> None:
        command = [sys.executable, "-m", "outworx_otel.cli", "forward", *arguments]
        super().__init__(command, directory, {"OUTWORX_ENDPOINT": endpoint, **environ})

    def opened(self) -> Forward:
        """Waits for its public URL."""
        if "--json" in self._command:
            self.says('"event":"opened"')
        else:
            self.says("Press Ctrl")
        return self

    @property
    def public_url(self) -> str:
        """The last one that it has printed."""
        if "--json" in self._command:
            urls = [line["public_url"] for line in self.lines() if "public_url" in line]
        else:
            urls = _URL.findall(self.out)
        return str(urls[-1])

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """What it has written under `--json`: whole lines, of one kind."""
        lines = [json.loads(line) for line in self.out.splitlines(keepends=True) if line.endswith("\n")]
        return [line for line in lines if event is None or line["event"] == event]


class Listening(Process):
    """A server on a port of its own: `{port}` in the command stands for it. It may be started again."""

    def __init__(
        self, command: Sequence[str], directory: Path, environ: Mapping[str, str] | None = None
    ) -> None:
        self.port = free_port()
        super().__init__([part.format(port=self.port) for part in command], directory, environ)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> Listening:
        super().start()
        wait_for(lambda: self._answers() or self._still_runs(), self.log)
        return self

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5, verify=NO_CERTIFICATES).status_code == 200
        except httpx.HTTPError:
            return False


def outworx_serve(directory: Path) -> Listening:
    """The whole server, without keys."""
    command = ("serve", "--port", "{port}", "--database", f"sqlite:///{directory}/outworx.db")
    return Listening([sys.executable, "-m", "outworx_otel.cli", *command], directory)


def echo_site(directory: Path) -> Listening:
    """The local application."""
    command = ("-m", "uvicorn", "echo_site:app", "--app-dir", str(SITES), "--port", "{port}")
    return Listening([sys.executable, *command, "--no-access-log"], directory)


def _quiet_environment(directory: Path) -> dict[str, str]:
    ours = ("OTEL_", "OUTWORX_", "PYTEST_", "COV_", "XDG_", "NO_COLOR", "FORCE_COLOR")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "PYTHONUNBUFFERED": "1",
        "XDG_STATE_HOME": str(directory / "state"),
        "COLUMNS": "100",
    }
