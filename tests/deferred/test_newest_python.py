"""Gives the tests that need `sys.monitoring` to a Python that has it."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from drops.newest import NoNewestPython, newest_python

HERE = Path(__file__).parent


def test_the_newest_python_finds_the_causes_in_resumed_work() -> None:
    python, problem = None, ""
    try:
        python = newest_python()
    except NoNewestPython as none:
        problem = str(none)
    if python is None:
        pytest.fail(problem, pytrace=False)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("OTEL_", "OUTWORX_", "PYTEST_"))
    }
    run = subprocess.run(  # noqa: S603  # our own tests, our own Python
        [
            *(python, "-m", "pytest", HERE / "test_causes.py", "-rfEs", "--color=no"),
            *("-p", "no:cacheprovider", f"--confcutdir={HERE}"),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=HERE.parents[1],
        env=environment,
    )
    assert run.returncode == 0, f"{python}:\n{run.stdout}\n{run.stderr}"
    assert re.search(r"\d+ passed", run.stdout), run.stdout
    assert "skipped" not in run.stdout
