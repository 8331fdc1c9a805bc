"""Goes through files and folders, and says what was done and what is left."""

from __future__ import annotations

import difflib
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import typer

from outworx_otel.cli.console import FAILED, say, terminal_safe, usage
from outworx_otel.cli.migrate.dependencies import mentions, migrate_pyproject, migrate_requirements
from outworx_otel.cli.migrate.findings import Migrated
from outworx_otel.cli.migrate.python_source import migrate_python

_MAX_BYTES: Final = 4 * 1024 * 1024
_NOT_OURS: Final = frozenset({"__pycache__", "node_modules", "site-packages", "dist", "build"})
_REQUIREMENTS: Final = re.compile(
    r"(requirements|constraints).*\.(txt|in)$|.*[-_.](requirements|constraints)\.(txt|in)$"
)
_NAMING: Final = re.compile(
    r"(Dockerfile|Containerfile).*|Pipfile(\.lock)?|Procfile|setup\.cfg|tox\.ini|.*\.(lock|ya?ml|cfg|ini|toml|sh|pyi|ipynb)$"
)


def run(paths: list[Path], *, writes: bool, diff: bool) -> None:
    """Migrates files; a folder's are found below it.

    Args:
        paths: files and folders.
        writes: False leaves every file as it is.
        diff: show what changes.
    """
    missing = [path for path in paths if not path.exists()]
    if missing:
        usage("migrate", f"there is no {missing[0]}")
    changed = left = 0
    for path, migrate in dict.fromkeys(found for place in paths for found in _files(place)):
        raw = _read(path)
        migrated = Migrated(b"") if raw is None else migrate(raw)
        if raw is not None and migrated.content != raw:
            changed += 1
            if diff:
                sys.stdout.write(_diff(path, raw, migrated.content))
            else:
                say(f"{path}: {'changed' if writes else 'would be changed'}")
            if writes:
                _write(path, migrated.content)
        for one in migrated.left:
            left += 1
            say(f"{path}:{one.line}: {terminal_safe(one.why)}", "yellow", err=True)
    _sum_up(changed, left, writes=writes)


def _sum_up(changed: int, left: int, *, writes: bool) -> None:
    files = f"{changed} file{'' if changed == 1 else 's'} {'changed' if writes else 'would be changed'}"
    say(f"{files}, {left} place{'' if left == 1 else 's'} left to you", err=True)
    if left:
        raise typer.Exit(FAILED)


def _files(path: Path) -> Iterator[tuple[Path, Callable[[bytes], Migrated]]]:
    if not path.is_dir():
        yield path, _kind(path.name) or _named_only
        return
    for folder, folders, names in os.walk(path):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if _is_ours(here / name))
        for name in sorted(names):
            kind = _kind(name)
            if kind is not None and not (here / name).is_symlink():
                yield here / name, kind


def _is_ours(folder: Path) -> bool:
    hidden = folder.name.startswith(".") and folder.name != ".github"
    return not hidden and folder.name not in _NOT_OURS and not (folder / "pyvenv.cfg").exists()


def _kind(name: str) -> Callable[[bytes], Migrated] | None:
    """What migrates a file of such a name; None where nothing does."""
    if name.endswith(".py"):
        return migrate_python
    if name == "pyproject.toml":
        return migrate_pyproject
    if _REQUIREMENTS.fullmatch(name):
        return migrate_requirements
    return _named_only if _NAMING.fullmatch(name) else None


def _named_only(raw: bytes) -> Migrated:
    return Migrated(raw, mentions(raw))


def _read(path: Path) -> bytes | None:
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > _MAX_BYTES:
            say(f"{path}: is larger than {_MAX_BYTES >> 20} MiB, and was not looked at", "yellow", err=True)
            return None
        return path.read_bytes()
    except OSError as error:
        say(f"{path}: cannot be read: {error.strerror}", "yellow", err=True)
        return None


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, with the same permissions."""
    path = path.resolve()  # a link that was named goes on to be one
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        shutil.copymode(path, name)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _diff(path: Path, old: bytes, new: bytes) -> str:
    before, after = (_lines(text) for text in (old, new))
    return "".join(difflib.unified_diff(before, after, f"a/{path}", f"b/{path}"))


def _lines(text: bytes) -> list[str]:
    return [f"{line}\n" for line in text.decode("utf-8", "replace").removesuffix("\n").split("\n")]
