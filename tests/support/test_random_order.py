"""The tests run in an order that a seed decides, the same in every process of one run."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from support import random_order

TESTS = "\n".join(f"def test_{number}(): assert {number} != FAILS" for number in range(12))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ("support.random_order",)\n')
    for name in ("a", "b", "c"):
        (tmp_path / f"test_{name}.py").write_text(f"FAILS = -1\n{TESTS}\n")
    return tmp_path


def run(folder: Path, *arguments: str, seed: str | None = None) -> str:
    """What pytest printed."""
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "OUTWORX_"))
    }
    if seed is not None:
        environ[random_order.VARIABLE] = seed
    # Whoever else is installed takes seconds to come up, in each process.
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    environ["PYTHONPATH"] = os.pathsep.join(
        [str(Path(random_order.__file__).parents[1]), environ.get("PYTHONPATH", "")]
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "-p",
        "xdist.plugin",
        *arguments,
    ]
    done = subprocess.run(  # noqa: S603  # ours
        command, cwd=folder, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    return done.stdout


def order(printed: str) -> list[str]:
    return re.findall(r"^(\S+::test_\d+) ", printed, re.MULTILINE)


def test_the_same_seed_is_the_same_order_and_another_is_another(folder: Path) -> None:
    first, again, other = (order(run(folder, seed=seed)) for seed in ("1", "1", "2"))
    assert len(first) == 36
    assert first == again
    assert sorted(first) == sorted(other)
    assert first != other


def test_a_file_alone_keeps_the_order_that_it_has_among_others(folder: Path) -> None:
    among = [name for name in order(run(folder, seed="7")) if name.startswith("test_b.py")]
    assert order(run(folder, "test_b.py", seed="7")) == among


def test_the_tests_of_a_file_stay_together(folder: Path) -> None:
    files = [name.partition("::")[0] for name in order(run(folder, seed="3"))]
    assert len([1 for before, after in itertools.pairwise(files) if before != after]) == 2


def test_the_seed_is_said_at_the_start_and_beside_a_failure(folder: Path) -> None:
    (folder / "test_c.py").write_text(f"FAILS = 3\n{TESTS}\n")
    printed = run(folder, "-q")
    (seed,) = set(re.findall(r"OUTWORX_TEST_SEED=(\d+)", printed))
    assert printed.index(f"tests in the order of OUTWORX_TEST_SEED={seed}") < printed.index("test_c.py")
    assert f"the same order again: OUTWORX_TEST_SEED={seed}" in printed.partition("FAILURES")[2]


def test_both_of_xdists_processes_collect_the_same(folder: Path) -> None:
    printed = run(folder, "-n", "2", "--dist", "loadfile")
    assert "36 passed" in printed
    assert len(set(re.findall(r"OUTWORX_TEST_SEED=(\d+)", printed))) == 1


def test_off_keeps_the_order_in_which_tests_are_written(folder: Path) -> None:
    names = [int(name.partition("::test_")[2]) for name in order(run(folder, "test_a.py", seed="off"))]
    assert names == list(range(12))
