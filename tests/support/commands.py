"""`outworx` as users run it: a process of its own, whose output is a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from inspect import signature
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

from outworx_otel.cli._app import app

PATIENCE = 60.0
# Before Click 8.2, the two streams were one unless this was said.
_APART: dict[str, Any] = {"mix_stderr": False} if "mix_stderr" in signature(CliRunner).parameters else {}

# Commands with a section of their own on the page, and examples in their help.
EXPLAINED = (
    *("dev", "problems", "list", "show", "tail", "trigger", "replay"),
    *("purge", "verify", "doctor", "mcp", "migrate"),
)


def runner() -> CliRunner:
    """Runs a command in this process, and keeps its two streams apart."""
    return CliRunner(**_APART)


@dataclass(frozen=True)
class Outcome:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    def json(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


def outworx(*arguments: object, cwd: Path, stdin: bytes | None = None, **environ: str) -> Outcome:
    """Runs a command to its end; only what is given of our variables is in its environment."""
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-m", "outworx_otel.cli", *map(str, arguments)],
        cwd=cwd,
        env={**quiet_environment(), **environ},
        input=stdin,
        stdin=subprocess.DEVNULL if stdin is None else None,
        capture_output=True,
        timeout=PATIENCE,
        check=False,
    )
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode())


def quiet_environment() -> dict[str, str]:
    """This process's environment without what would configure the command."""
    ours = ("OTEL_", "OUTWORX_", "PYTEST_", "COV_", "NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    return {**kept, "PYTHONIOENCODING": "utf-8"}


def invoked(*arguments: object, stdin: bytes | None = None) -> Outcome:
    """The same inside this process, in its working directory and environment: for the many cases of one command."""
    done = runner().invoke(app, [str(argument) for argument in arguments], input=stdin)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Outcome(done.exit_code, done.stdout, done.stderr)
