"""Whose code a file is: the application's own, or somebody else's (the standard library, site-packages, ours)."""

from __future__ import annotations

import os
import site
import sysconfig
from pathlib import Path
from typing import Final

_MAX_KNOWN: Final = 8192
_PACKAGES: Final = ("site-packages", "dist-packages")
_OURS: Final = str(Path(__file__).parent.parent) + os.sep

_known: dict[str, bool] = {}
_adopted: set[str] = set()
_foreign: tuple[str, ...] = ()


def is_application(filename: str) -> bool:
    """Whether a code object of this file belongs to the application."""
    known = _known.get(filename)
    if known is None:
        known = _judge(filename)
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[filename] = known
    return known


def adopt(filename: str) -> None:
    """Counts the installed package that this file is part of as the application.

    An application that was itself installed (`pip install .` in an image) lies in site-packages like everybody
    else; that its package holds the handler is what tells it apart.
    """
    parts = Path(filename).parts
    for index, part in enumerate(parts[:-1]):
        if part in _PACKAGES:
            whole = len(parts) == index + 2
            _adopted.add(str(Path(*parts[: index + 2])) + ("" if whole else os.sep))
            _known.clear()
            return


def _judge(filename: str) -> bool:
    # `<frozen ...>`, and `<string>`, which is what dataclasses and named tuples are generated as.
    if filename.startswith("<"):
        return False
    if any(filename.startswith(package) for package in _adopted):
        return True
    if any(part in _PACKAGES for part in Path(filename).parts):
        return False
    return not filename.startswith(_foreign_roots())


def _foreign_roots() -> tuple[str, ...]:
    global _foreign
    if not _foreign:
        paths = sysconfig.get_paths()
        roots = {paths[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
        roots.update(site.getsitepackages())
        roots.add(site.getusersitepackages())
        # The interpreter writes these paths as the files' own names begin, so nothing is resolved here.
        _foreign = (_OURS, *(os.path.normpath(root) + os.sep for root in sorted(roots)))
    return _foreign
