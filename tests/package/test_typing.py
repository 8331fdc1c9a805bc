"""What a user's type checker says: a misspelt option or a value of another type is an error, and nothing else is.

Both checkers look at the same applications in `typed/`, as a user has them: the package is found where it is
installed, and nothing of this repository's settings counts.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import typing
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from outworx_otel import EndpointOptions, TrackOptions, WebhookOptions

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).parent / "typed"
WRONG = {
    f"{file.name}:{number}"
    for file in TYPED.glob("*.py")
    for number, line in enumerate(file.read_text().splitlines(), 1)
    if line.endswith("# wrong")
}


@pytest.fixture(scope="module")
def applications(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("typed")
    for file in TYPED.glob("*.py"):
        (folder / file.name).write_text(file.read_text())
    return folder


def ran(*command: str, within: Path) -> str:
    done = subprocess.run(  # noqa: S603  # a type checker
        command, cwd=within, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_mypy_finds_each_wrong_line_and_no_other(applications: Path) -> None:
    # What it has understood of FastAPI, Flask and us is kept for the next run.
    kept = f"--cache-dir={ROOT / '.mypy_cache' / 'users'}"
    said = ran(sys.executable, "-m", "mypy", "--strict", "--config-file=", kept, ".", within=applications)
    found = re.findall(r"^(?:\./)?(\w+\.py:\d+): error: .*\[[a-z-]+\]$", said, re.MULTILINE)
    assert set(found) == WRONG, said


def test_pyright_finds_each_wrong_line_and_no_other(pyright: str, applications: Path) -> None:
    found = json.loads(
        ran(pyright, "--outputjson", f"--pythonpath={sys.executable}", ".", within=applications)
    )
    errors = [one for one in found["generalDiagnostics"] if one["severity"] == "error"]
    lines = {f"{Path(one['file']).name}:{one['range']['start']['line'] + 1}" for one in errors}
    assert lines == WRONG, errors


def test_the_typed_options_are_those_of_track_options() -> None:
    every = {field.name: field.type for field in fields(TrackOptions)}
    given = {field.name for field in fields(TrackOptions) if field.default is MISSING}
    assert {name: hint.__forward_arg__ for name, hint in EndpointOptions.__annotations__.items()} == every
    assert set(every) - set(WebhookOptions.__annotations__) == given == EndpointOptions.__required_keys__
    assert not WebhookOptions.__required_keys__
    assert typing.get_type_hints(TrackOptions) == typing.get_type_hints(EndpointOptions)
