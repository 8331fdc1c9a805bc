"""The command line starts quickly and teaches."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.commands import EXPLAINED, invoked, quiet_environment

HEAVY = (
    "opentelemetry.sdk",
    "sqlalchemy",
    "starlette",
    "httpx",
    "cryptography",
    "uvicorn",
    "mcp",
    "pydantic",
    "libcst",
)
IMPORTED = """
import json, sys
from outworx_otel.cli._app import app
try:
    app(["--help"], standalone_mode=False)
finally:
    print("\\n" + json.dumps([name for name in sys.argv[1:] if name in sys.modules]))
"""


def test_help_imports_nothing_heavy(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603  # our own command
        [sys.executable, "-c", IMPORTED, *HEAVY],
        cwd=tmp_path,
        env=quiet_environment(),
        capture_output=True,
        timeout=60,
        check=True,
    )

    assert json.loads(done.stdout.decode().splitlines()[-1]) == []


@pytest.mark.parametrize("command", EXPLAINED)
def test_the_help_of_every_command_shows_examples(command: str) -> None:
    done = invoked(command, "--help")

    assert done.code == 0
    assert "Examples:" in done.out
    assert done.out.count(f"outworx {command} ") >= 2


def test_an_unknown_command_and_an_unknown_option_end_with_2() -> None:
    assert invoked("triger").code == 2
    assert invoked("trigger", "--nonsense").code == 2
