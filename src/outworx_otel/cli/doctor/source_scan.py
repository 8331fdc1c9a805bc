"""Scans an application's code for what it mounts by hand. Nothing is imported."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_MAX_FILES: Final = 1000
MAX_FOLDERS: Final = 5000
_MAX_BYTES: Final = 512 * 1024
_SKIPPED: Final = frozenset({"node_modules", "site-packages", "__pycache__", "build", "dist"})

# Names that mount ours by hand, and those that instrument a framework officially.
BY_HAND: Final = frozenset({"OutworxHooksMiddleware", "with_webhook_monitoring"})
OFFICIAL: Final = frozenset(
    {
        "FastAPIInstrumentor",
        "StarletteInstrumentor",
        "FlaskInstrumentor",
        "DjangoInstrumentor",
        "OpenTelemetryMiddleware",
    }
)

# What sends by itself, whatever OTEL_TRACES_EXPORTER says.
SENDING: Final = frozenset({"init", "OutworxSpanProcessor"})
# The decorator: a handler's own options.
MARKING: Final = frozenset({"webhook"})
# What gives options in code.
GUARDING: Final = BY_HAND | MARKING
# What switches our instrumentors on, whatever opentelemetry-instrument is told.
SWITCHING: Final = frozenset({"instrument"})
STORE: Final = "idempotency_store"
REGISTERING: Final = "register_store"
# Too common to be ours without a look at where they come from.
_COMMON: Final = SENDING | MARKING | SWITCHING | {REGISTERING}


@dataclass(frozen=True)
class SourceLine:
    """A line of the application's code that uses one of the names.

    Args:
        name: as it is used.
        file: relative to the folder.
        line: in it.
        value: of `idempotency_store=`, where it is written out.
    """

    name: str
    file: str
    line: int
    value: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def source_lines(directory: Path) -> list[SourceLine]:
    """Yields every use in the Python files below a directory, up to a thousand files."""
    found: list[SourceLine] = []
    for number, path in enumerate(python_files(directory)):
        if number >= _MAX_FILES:
            break
        found += _uses(path, path.relative_to(directory).as_posix())
    return found


def listed(found: list[SourceLine]) -> str:
    """Three of them, and how many more there are."""
    shown = ", ".join(map(str, found[:3]))
    return shown if len(found) <= 3 else f"{shown} and {len(found) - 3} more"


def python_files(directory: Path, most_folders: int = MAX_FOLDERS) -> Iterator[Path]:
    """The Python files below a directory, without those of environments and of what was built.

    Args:
        directory: an application's.
        most_folders: that are looked into.
    """
    for number, (folder, folders, files) in enumerate(os.walk(directory)):
        if number >= most_folders:
            # Somebody's home folder, and no application's.
            return
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not _is_foreign(here / name))
        yield from (here / name for name in sorted(files) if name.endswith(".py"))


def _is_foreign(folder: Path) -> bool:
    return folder.name.startswith(".") or folder.name in _SKIPPED or (folder / "pyvenv.cfg").exists()


def parsed(path: Path) -> ast.Module | None:
    """What a file says; None where it cannot be read, or is too large."""
    try:
        if not path.is_file() or path.stat().st_size > _MAX_BYTES:
            return None
        return ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _uses(path: Path, shown: str) -> Iterator[SourceLine]:
    tree = parsed(path)
    if tree is None:
        return
    # A name that came from elsewhere: both sides call an instrumentor by the same name.
    ours = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("outworx_otel")
        for alias in node.names
    }
    for node in ast.walk(tree):
        name = _name(node)
        if name in BY_HAND or (name in OFFICIAL and name not in ours) or _is_ours(node, name, ours):
            yield SourceLine(name, shown, getattr(node, "lineno", 0))
        if isinstance(node, ast.Call) and _is_ours(node.func, _name(node.func), ours):
            yield from _stores(node, shown)


def _stores(call: ast.Call, shown: str) -> Iterator[SourceLine]:
    for keyword in call.keywords:
        if keyword.arg == STORE:
            given = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
            if given is not None or not isinstance(keyword.value, ast.Constant):
                yield SourceLine(
                    STORE, shown, keyword.value.lineno, given if isinstance(given, str) else None
                )


def _is_ours(node: ast.AST, name: str, ours: set[str]) -> bool:
    if name not in _COMMON:
        return False
    if isinstance(node, ast.Attribute):
        return isinstance(node.value, ast.Name) and node.value.id == "outworx_otel"
    return name in ours


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    # Django's settings name a middleware in a string.
    if (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and node.value.startswith("outworx_otel.")
    ):
        return node.value.rpartition(".")[2]
    return ""
