"""A server as a process of its own: started, waited for, ended by its id, its log kept."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sysconfig
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from support.receiver import free_port

SITES = Path(__file__).parents[1] / "e2e" / "sites"
SCRIPTS = Path(sysconfig.get_path("scripts"))
PATIENCE = 60.0


class Server:
    """Listens on a free loopback port from `start` to `stop`.

    Args:
        command: what to run; `{port}` stands for the port.
        directory: the working directory, where `outworx.toml` is looked for.
        environ: variables besides the inherited ones that concern no telemetry.
        workers: how many processes will say `ready_line` before all of them serve.
        ready_line: what each of them writes into the log.
    """

    def __init__(
        self,
        command: Sequence[str],
        directory: Path,
        environ: Mapping[str, str],
        workers: int,
        ready_line: str,
    ) -> None:
        self.port = free_port()
        self.workers = workers
        self._command = [part.format(port=self.port) for part in command]
        self._directory = directory
        self._environ = {**_quiet_environment(), **environ}
        self._ready_line = ready_line
        self._log_path = directory / f"server-{self.port}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Starts the process and waits until it answers on its port and all workers are up."""
        with self._log_path.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # a command of our own
                self._command,
                cwd=self._directory,
                env=self._environ,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        wait_until(self._is_ready, lambda: f"no server on port {self.port}\n{self.log()}")
        return self

    def _is_ready(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError(f"the server ended with {self._process.returncode}\n{self.log()}")
        return self.log().count(self._ready_line) >= self.workers and self._answers()

    def _answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/healthz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Of the process that was started; workers are its children."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """What the server and its workers have written so far."""
        return self._log_path.read_text(errors="replace")

    def terminate(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Sends a signal to the process that was started; its exit status, negative for a signal."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(PATIENCE)

    def stop(self) -> None:
        """Ends what is still there, workers included."""
        if self._process is None:
            return
        try:
            if self._process.poll() is None:
                self.terminate()
        except subprocess.TimeoutExpired:
            pass
        finally:
            # Its own session, so that nobody else's process is in the group.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def wait_until(condition: Callable[[], bool], complaint: Callable[[], str]) -> None:
    """Polls until `condition` holds."""
    until = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > until:
            raise AssertionError(complaint())
        time.sleep(0.02)


def _quiet_environment() -> dict[str, str]:
    ours = ("OTEL_", "OUTWORX_", "FASTAPI_", "DJANGO_", "PYTEST_", "COV_")
    return {name: value for name, value in os.environ.items() if not name.startswith(ours)} | {
        "PATH": f"{SCRIPTS}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(SITES),
        "PYTHONUNBUFFERED": "1",
    }
