"""The processes of the demo: `outworx serve`, and three applications under `opentelemetry-instrument`."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

HERE: Final = Path(__file__).resolve().parent
SCRIPTS: Final = Path(sysconfig.get_path("scripts"))
READY_SECONDS: Final = 45.0
STOP_SECONDS: Final = 10.0
LOG_LINES_SHOWN: Final = 40


@dataclass(frozen=True)
class Application:
    """What is started, and how.

    Args:
        framework: as the table calls it.
        service: its `service.name`.
        folder: below `examples/`; the working directory, where `outworx.toml` is found.
        command: the command line, with `{port}`.
        environment: what it needs besides.
    """

    framework: str
    service: str
    folder: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)


_INSTRUMENT: Final = "opentelemetry-instrument"
APPLICATIONS: Final = (
    Application(
        "FastAPI", "payments", "fastapi_app", (_INSTRUMENT, "uvicorn", "payments:app", "--port", "{port}")
    ),
    Application(
        "Flask", "shop", "flask_app", (_INSTRUMENT, "gunicorn", "shop:app", "--bind", "127.0.0.1:{port}")
    ),
    Application(
        "Django",
        "accounts",
        "django_app",
        (_INSTRUMENT, "uvicorn", "accounts.asgi:application", "--port", "{port}"),
        # For the official Django instrumentor, where it is installed: it reads the settings before asgi.py
        # has named them, and then leaves Django configured with nothing but defaults (seen in 0.66b1).
        {"DJANGO_SETTINGS_MODULE": "accounts.settings"},
    ),
)


class StartError(Exception):
    """An application did not come up; the message holds what it had to say."""


class Server:
    """One process and its log.

    Args:
        application: what to start.
        environment: the process's environment, but for what the application itself adds.
        log: the file for all that the process writes.
        port: where it listens; None takes a free one.

    Raises:
        StartError: its program is not installed.
    """

    def __init__(
        self, application: Application, environment: Mapping[str, str], log: Path, port: int | None = None
    ) -> None:
        self.application = application
        self.port = port or _free_port()
        self.last_words = ""
        self._log = log
        program = SCRIPTS / application.command[0]
        arguments = [part.format(port=self.port) for part in application.command[1:]]
        self.command = " ".join((program.name, *arguments))
        if not program.is_file():
            raise StartError(f"{program} is missing: install 'outworx-otel[auto,server]', or run `make demo`")
        with log.open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603  # the commands above
                [str(program), *arguments],
                cwd=HERE / application.folder,
                env={**environment, **application.environment, "OTEL_SERVICE_NAME": application.service},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # A group of its own: Ctrl+C is for the demo, which then stops its servers in order.
                start_new_session=True,
            )

    def wait_until_ready(self, deadline: float) -> None:
        """Returns when the server answers requests, whatever it answers.

        Raises:
            StartError: the process has ended, or `deadline` (monotonic seconds) has passed.
        """
        while time.monotonic() < deadline:
            status = self._process.poll()
            if status is not None:
                raise StartError(self._trouble(f"ended with status {status} before it was ready"))
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.request("GET", "/", b"", {})
                return
            time.sleep(0.05)
        raise StartError(self._trouble(f"was not ready within {READY_SECONDS:.0f} s"))

    def request(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """Sends one request and returns the answer's status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask_to_stop(self) -> None:
        """SIGTERM, on which servers finish what they are doing and telemetry is flushed."""
        if self._process.poll() is None:
            self._process.terminate()

    def wait_until_stopped(self) -> None:
        """Waits for the end, brings it about where it does not come, and keeps the log's last lines."""
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            # The process leads its group, so this reaches its workers and nobody else.
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self.last_words = self._log_tail()

    def _log_tail(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").splitlines()
        return "\n".join(f"    {line}" for line in lines[-LOG_LINES_SHOWN:]) or "    (it wrote nothing)"

    def _trouble(self, what: str) -> str:
        application = self.application
        return (
            f"{application.framework} ({application.service}) {what}.\n"
            f"It was started in examples/{application.folder} with:\n    {self.command}\n"
            f"Its log:\n{self._log_tail()}"
        )


@contextlib.contextmanager
def running(
    applications: Sequence[Application],
    environment: Mapping[str, str],
    ports: Mapping[str, int] = MappingProxyType({}),
) -> Iterator[dict[str, Server]]:
    """The servers by framework, ready for requests; they are stopped at the end, whatever happens.

    Args:
        applications: what to start.
        environment: see `environment_of`.
        ports: by framework, where one is to listen; the others take free ones.

    Raises:
        StartError: one of them did not come up.
    """
    servers: dict[str, Server] = {}
    with tempfile.TemporaryDirectory(prefix="outworx-demo-") as folder:
        try:
            for application in applications:
                log = Path(folder) / f"{application.service}.log"
                port = ports.get(application.framework)
                servers[application.framework] = Server(application, environment, log, port)
            deadline = time.monotonic() + READY_SECONDS
            for server in servers.values():
                server.wait_until_ready(deadline)
            yield servers
        finally:
            for server in servers.values():
                server.ask_to_stop()
            for server in servers.values():
                server.wait_until_stopped()


def environment_of(endpoint: str, api_key: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment without settings of its own for telemetry, and with ours."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
    }
    return {
        **inherited,
        **secrets,
        "PATH": os.pathsep.join((str(SCRIPTS), inherited.get("PATH", os.defpath))),
        "OTEL_TRACES_EXPORTER": "outworx",
        "OTEL_METRICS_EXPORTER": "outworx",
        "OTEL_LOGS_EXPORTER": "none",
        "OUTWORX_ENDPOINT": endpoint,
        "OUTWORX_API_KEY": api_key,
        # The defaults suit production; here somebody is waiting for the table.
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        # A proxy that is set for the outside world has no business with loopback addresses.
        "NO_PROXY": ",".join(filter(None, (inherited.get("NO_PROXY"), "127.0.0.1"))),
    }


def port_if_free(wanted: int) -> int | None:
    """The port, or None where somebody has it."""
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", wanted))
        except OSError:
            return None
    return wanted


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
