"""Starts the server beside the application, says what it did, and ends both."""

from __future__ import annotations

import contextlib
import logging
import os
import shlex
import shutil
import sys
import tempfile
import threading
import webbrowser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from outworx_otel.cli.console import failed, say, usage
from outworx_otel.cli.dev.application import (
    INSTRUMENT,
    DevProcess,
    django_settings,
    instrumented,
    settings_of,
)
from outworx_otel.cli.mcp import agents_over_http
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.server import Settings

_USUAL_PORT: Final = 4318
_FOLDER: Final = ".outworx"
_NOT_FOUND: Final = 127
_NOT_RUNNABLE: Final = 126
_MARK: Final = "outworx | "


@dataclass(frozen=True)
class DevOptions:
    """What the command line says."""

    command: Sequence[str]
    port: int | None
    database: str | None
    open_browser: bool


def run(options: DevOptions) -> None:
    """Runs both; ends with the application's status."""
    program = options.command[0]
    if shutil.which(program) is None:
        _say(f"there is no command {program!r}: is it installed in this environment, and spelt right?", "red")
        raise typer.Exit(_NOT_FOUND)
    try:
        from outworx_otel.server import Settings
        from outworx_otel.server.store import StoreUnavailable
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outworx_otel"):
            raise
        usage("dev", f"the server needs {error.name}: pip install 'outworx-otel[server]'")
    logging.basicConfig(format=f"{_MARK}%(levelname)s %(message)s", level=logging.WARNING)
    with contextlib.ExitStack() as stack:
        database = options.database or stack.enter_context(_database())
        try:
            wanted = Settings(port=_USUAL_PORT if options.port is None else options.port, database=database)
            settings = stack.enter_context(_served(wanted, may_move=options.port is None))
        except ConfigurationError as error:
            usage("dev", str(error))
        except StoreUnavailable as error:
            failed("dev", str(error))
        status = _application(options, settings)
    raise typer.Exit(status)


@contextlib.contextmanager
def _served(settings: Settings, *, may_move: bool) -> Iterator[Settings]:
    """The server, at its port or, where it may move and that is taken, at a free one."""
    import dataclasses

    from outworx_otel.server.serving import PortInUse, serving_beside

    with contextlib.ExitStack() as stack:
        try:
            served = stack.enter_context(serving_beside(settings, agents_over_http(())))
        except PortInUse:
            if not may_move:
                raise
            served = stack.enter_context(
                serving_beside(dataclasses.replace(settings, port=0), agents_over_http(()))
            )
            _say(
                f"port {settings.port} is in use, by another server or a collector: this one is at {served.port}"
            )
        yield served


def _application(options: DevOptions, settings: Settings) -> int:
    address = f"http://127.0.0.1:{settings.port}"
    command = instrumented(options.command)
    added = settings_of(address, Path.cwd().name, os.environ) | django_settings(options.command, os.environ)
    environ = {**os.environ, **added}
    # It would win over the one that is set here.
    older = [name for name in environment.ENDPOINT if name not in added and environ.pop(name, "")]
    kept = (
        settings.database.removeprefix("sqlite:///")
        if settings.database.startswith("sqlite")
        else "the database"
    )
    _say(f"dashboard: {address}/ (deliveries are kept in {kept})")
    _say(f"set: {' '.join(f'{name}={value}' for name, value in added.items())}{_unset(older)}")
    _say(f"runs: {_typed(command)}")
    if len(command) == len(options.command) and Path(command[0]).name != INSTRUMENT:
        _say(
            f"{INSTRUMENT} is not installed: the application calls init() itself, or pip install 'outworx-otel[auto]'"
        )
    try:
        application = DevProcess(command, environ)
    except OSError as error:
        _say(f"{options.command[0]!r} cannot be run: {error.strerror}", "red")
        return _NOT_RUNNABLE
    if options.open_browser:
        # A browser without a display may take its time to say so.
        threading.Thread(target=webbrowser.open, args=(f"{address}/",), daemon=True).start()
    status = application.wait()
    how = f"with {status}" if status <= 128 else f"by signal {status - 128}"
    _say(f"the application ended {how}, and the server with it")
    return status


@contextlib.contextmanager
def _database() -> Iterator[str]:
    """A file in a folder of this one, which version control passes over; where that cannot be, one for this run."""
    try:
        folder = Path(_FOLDER)
        folder.mkdir(exist_ok=True)
        (folder / ".gitignore").write_text("*\n")
    except OSError:
        with tempfile.TemporaryDirectory(prefix="outworx-dev-") as temporary:
            yield f"sqlite:///{temporary}/dev.db"
        return
    yield f"sqlite:///{_FOLDER}/dev.db"


def _unset(names: list[str]) -> str:
    return f"; unset: {' '.join(names)}" if names else ""


def _typed(command: Sequence[str]) -> str:
    program = Path(command[0]).name if Path(command[0]).name == INSTRUMENT else command[0]
    return shlex.join([program, *command[1:]])


def _say(text: str, colour: str = "cyan") -> None:
    # The application's own standard output stays its own.
    say(f"{_MARK}{text}", colour, err=True)
    sys.stderr.flush()
