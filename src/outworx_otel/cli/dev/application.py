"""The application's process: its environment, its command, its signals, its end."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from outworx_otel.process import environment

INSTRUMENT: Final = "opentelemetry-instrument"
_SIGNALS: Final = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
_DJANGO: Final = "DJANGO_SETTINGS_MODULE"
_SETS_DJANGO: Final = re.compile(rf"""["']{_DJANGO}["']\]?\s*[,=]\s*["']([\w.]+)["']""")
_OTLP: Final = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def settings_of(address: str, name: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What is set for the application, beside its own environment. What it has already is left or added to.

    Args:
        address: the server's.
        name: what the service is called where nothing says so.
        environ: the environment as it is.
    """
    found = {environment.ENDPOINT[0]: address}
    exporters = [one.strip() for one in environ.get("OTEL_TRACES_EXPORTER", "").split(",") if one.strip()]
    if not exporters and not any(environ.get(variable) for variable in _OTLP):
        # Its other spans, for the timeline: the exporter of ours sends webhooks alone.
        exporters = ["otlp"]
        found |= {_OTLP[0]: address, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    if "outworx" not in exporters:
        exporters = ["outworx", *(one for one in exporters if one != "none")]
    found["OTEL_TRACES_EXPORTER"] = ",".join(exporters)
    usual = {
        "OTEL_METRICS_EXPORTER": "outworx",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_SERVICE_NAME": name,
        # A delivery is on the page before one has looked up.
        "OTEL_BSP_SCHEDULE_DELAY": "500",
        "PYTHONUNBUFFERED": "1",
    }
    return {**found, **{variable: value for variable, value in usual.items() if not environ.get(variable)}}


def django_settings(command: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """DJANGO_SETTINGS_MODULE, as the command's `manage.py` will set it.

    OpenTelemetry's instrumentor for Django runs before that, and makes empty settings where it finds none.
    """
    if environ.get(_DJANGO):
        return {}
    for script in command:
        if script.endswith(".py"):
            with contextlib.suppress(OSError):
                named = _SETS_DJANGO.search(Path(script).read_text(encoding="utf-8", errors="replace"))
                if named is not None:
                    return {_DJANGO: named[1]}
    return {}


def instrumented(command: Sequence[str]) -> list[str]:
    """The command under `opentelemetry-instrument` of the environment that it is installed in, where there is one."""
    if Path(command[0]).name == INSTRUMENT:
        return list(command)
    program = shutil.which(command[0])
    folders = [Path(program).parent] if program is not None else []
    for folder in [*folders, Path(sys.executable).parent]:
        found = shutil.which(INSTRUMENT, path=str(folder))
        if found is not None:
            return [found, *command]
    found = shutil.which(INSTRUMENT)
    return [*([] if found is None else [found]), *command]


class DevProcess:
    """One run of the command. Signals that come to this process are passed on to it.

    In a terminal both are of the group that Ctrl+C goes to. Elsewhere it has a group of its own, which is ended as a
    whole: reloaders have children.

    Args:
        command: program and arguments.
        environ: all of its environment.

    Raises:
        OSError: it cannot be started.
    """

    def __init__(self, command: Sequence[str], environ: Mapping[str, str]) -> None:
        self._in_terminal = os.name != "posix" or sys.stdin.isatty()
        self._told = 0
        self._process = subprocess.Popen(  # noqa: S603  # what the user typed
            list(command), env=dict(environ), start_new_session=not self._in_terminal
        )

    def wait(self) -> int:
        """Waits for its end. Returns its status as a shell does: 128 and the signal's number where one ended it."""
        with self._passing_on():
            status = self._process.wait()
        self._end_the_rest()
        return status if status >= 0 else 128 - status

    @contextlib.contextmanager
    def _passing_on(self) -> Iterator[None]:
        before = {signum: signal.signal(signum, self._pass_on) for signum in _SIGNALS}
        try:
            yield
        finally:
            for signum, earlier in before.items():
                signal.signal(signum, earlier)

    def _pass_on(self, signum: int, frame: FrameType | None) -> None:
        self._told += 1
        if self._told > 2:
            # It was asked twice.
            self._send(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        elif not (self._in_terminal and signum == signal.SIGINT):
            self._send(signum)

    def _send(self, signum: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if self._in_terminal:
                self._process.send_signal(signum)
            else:
                os.killpg(self._process.pid, signum)

    def _end_the_rest(self) -> None:
        """Ends what it left behind, where that can be told from what is not its own."""
        if not self._in_terminal:
            self._send(signal.SIGTERM)
