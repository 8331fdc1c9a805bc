"""The newest Python on this machine, with what our tests need."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

MONITORED: Final = ("test_early_return.py", "test_swallowed_exception.py", "test_monitoring.py")

_ROOT: Final = Path(__file__).parents[2]
_NEEDED: Final = "outworx_otel, opentelemetry.sdk, pytest, fastapi, flask, django, httpx, yaml"
_PROBE: Final = f"import sys; assert sys.version_info >= (3, 12), sys.version; import {_NEEDED}"


class NoNewestPython(Exception):
    """None was found; the message says what was tried, and what to do."""


def newest_python() -> Path:
    """A Python 3.12 or newer that can run our tests.

    Raises:
        NoNewestPython: there is none.
    """
    tried = []
    for candidate in _candidates():
        probe = subprocess.run(  # noqa: S603  # Pythons of this machine
            [candidate, "-c", _PROBE], capture_output=True, text=True, timeout=60, check=False, cwd=_ROOT
        )
        if probe.returncode == 0:
            return candidate
        tried.append(
            f"  {candidate}: {probe.stderr.strip().splitlines()[-1] if probe.stderr else 'no answer'}"
        )
    raise NoNewestPython(
        "the causes of silent drops need Python 3.12 or newer, and NOTHING OF THEM WAS TESTED: "
        "`make newest NEWEST=/path/to/python3.13` prepares one, or set OUTWORX_NEWEST_PYTHON\n"
        + ("\n".join(tried) or "  no candidate was found")
    )


def _candidates() -> Iterator[Path]:
    named = os.environ.get("OUTWORX_NEWEST_PYTHON")
    if named:
        yield Path(named)
        return
    prepared = _ROOT / ".venvs" / "newest" / "bin" / "python"
    if prepared.exists():
        yield prepared
    if sys.version_info >= (3, 12):
        yield Path(sys.executable)
    for minor in range(15, 11, -1):
        found = shutil.which(f"python3.{minor}")
        if found is not None:
            yield Path(found)
    installed = Path.home().glob(".pyenv/versions/3.*/bin/python")
    yield from sorted((path for path in installed if _version(path) >= (3, 12)), key=_version, reverse=True)


def _version(python: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", python.parents[1].name)[:3])


def run_in_newest(python: Path, *files: Path) -> None:
    """Runs test files of one folder with that Python, without the root's conftest; none may fail or be skipped."""
    # OpenTelemetry's settings, and pytest's own, are this process's business.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OUTWORX_", "PYTEST_"))
    }
    run = subprocess.run(  # noqa: S603  # our own tests, our own Python
        [
            *(python, "-m", "pytest", *files, "-rfEs", "--color=no"),
            *("-p", "no:cacheprovider", f"--confcutdir={files[0].parent}"),
        ],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=_ROOT,
        env=environment,
    )
    assert run.returncode == 0, f"{python}:\n{run.stdout}\n{run.stderr}"
    assert re.search(r"\d+ passed", run.stdout), run.stdout
    assert "skipped" not in run.stdout
