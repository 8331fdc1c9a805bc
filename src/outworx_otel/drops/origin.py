"""Tells the application's own code from that of the standard library, site-packages and this package."""

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
    """Returns whether a code object of this file belongs to the application."""
    known = _known.get(filename)
    if known is None:
        known = _judge(filename)
        if len(_known) >= _MAX_KNOWN:
            _known.clear()
        _known[filename] = known
    return known


def adopt(filename: str) -> None:
    """Treats the installed package that holds this file as the application.

    An application that was itself installed (`pip install .` in an image) lies in site-packages like its
    libraries; it is recognised by the handler that its package holds.
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
