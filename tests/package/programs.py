"""What these tests need and a machine may lack."""

from __future__ import annotations

import functools
import subprocess
import sys
from pathlib import Path


class NoPyright(Exception):
    """It is not installed, or could not fetch what it is a wrapper of."""


class NoIndex(Exception):
    """Nothing can be installed here: no uv, or no package index that answers."""


def program(name: str) -> Path:
    """Where a program of this environment is."""
    return Path(sys.executable).with_name(name)


@functools.cache
def pyright_program() -> str:
    """Returns pyright's path. PyPI has a wrapper: Node runs it, and npm's registry has it.

    Raises:
        NoPyright: There is none here.
    """
    if not program("pyright").exists():
        raise NoPyright("pyright is not installed: pip install --group package")
    said = _run(program("pyright"), "--version")
    if said is not None:
        raise NoPyright(f"pyright does not run: it needs Node, and npm's registry once: {said}")
    return str(program("pyright"))


@functools.cache
def package_index() -> str:
    """Returns uv's path, where it can install.

    Raises:
        NoIndex: It cannot, or is not there.
    """
    if not program("uv").exists():
        raise NoIndex("uv is not installed: pip install --group package")
    said = _run(
        program("uv"),
        "pip",
        "install",
        "--dry-run",
        "--reinstall",
        "--no-deps",
        "--refresh-package=iniconfig",
        f"--python={sys.executable}",
        "iniconfig",
    )
    if said is not None:
        raise NoIndex(f"uv reaches no package index, so the wheel is installed nowhere: {said}")
    return str(program("uv"))


def _run(*command: str | Path) -> str | None:
    """What a program complains of; None where it succeeds."""
    done = subprocess.run(  # noqa: S603  # of this environment
        [str(word) for word in command], capture_output=True, text=True, timeout=300, check=False
    )
    return done.stderr.strip()[-300:] or "no reason given" if done.returncode else None
