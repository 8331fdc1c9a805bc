"""Where the configuration's file is: upwards from where the process runs, else beside the program."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

CONFIG_FILE: Final = "OUTWORX_CONFIG_FILE"
OWN: Final = "outworx.toml"
_SHARED: Final = "pyproject.toml"
_MAX_BYTES: Final = 4 * 1024 * 1024


@dataclass(frozen=True)
class ConfigurationFile:
    """A file that was found.

    Args:
        shown: how messages call it.
        table: what it says; empty where it cannot be read.
        problem: why it cannot be read.
        text: its text, where it is no valid TOML.
        path: where it is; None where there is none.
    """

    shown: str = OWN
    table: Mapping[str, Any] | None = None
    problem: str | None = None
    text: str = ""
    path: Path | None = None


def find_file(environ: Mapping[str, str], directory: Path | None) -> ConfigurationFile:
    """The file that `OUTWORX_CONFIG_FILE` names, else the nearest `outworx.toml` or `[tool.outworx]`.

    Args:
        environ: environment variables.
        directory: where to begin; None is where the process runs, and then beside its main module.
    """
    named = environ.get(CONFIG_FILE)
    if named:
        path = Path(named)
        return _read(path, path.name, f"{CONFIG_FILE}={named}", inner=path.name == _SHARED)
    for folder in _folders(directory):
        here = folder == (directory or _working_directory())
        own, shared = folder / OWN, folder / _SHARED
        if _is_file(own):
            return _read(own, OWN if here else str(own))
        if _is_file(shared):
            shown = _SHARED if here else str(shared)
            found = _read(shared, f"{shown} [tool.outworx]", shown, inner=True)
            # Otherwise it is somebody else's: their own tools complain if it is broken.
            if found.table or "tool.outworx" in found.text:
                return found
    return ConfigurationFile()


def read_file(path: Path) -> ConfigurationFile:
    """The file at a path, whatever its name."""
    return _read(path, str(path))


def _folders(directory: Path | None) -> Iterator[Path]:
    start = directory or _working_directory()
    if start is not None:
        yield start
        yield from start.parents
    if directory is None:
        yield from _beside_main()


def _working_directory() -> Path | None:
    try:
        return Path.cwd()
    except OSError:  # it was removed
        return None


def _beside_main() -> Iterator[Path]:
    """The folder of the program, and those above for as long as they are parts of its package."""
    file = getattr(sys.modules.get("__main__"), "__file__", None) or _announced_main()
    if file is None:
        return
    try:
        folder = Path(file).resolve().parent
    except (OSError, ValueError):
        return
    yield folder
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
        yield folder


def _announced_main() -> str | None:
    """The program's file while the interpreter starts, when there is no main module yet."""
    for argument in sys.orig_argv[1:]:
        if argument in ("-m", "-c"):
            return None
        if not argument.startswith("-"):
            return argument
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder above that is not ours to look into
        return False


def _read(path: Path, shown: str, called: str | None = None, *, inner: bool = False) -> ConfigurationFile:
    called = called or shown
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES)
    except OSError as error:
        return ConfigurationFile(shown, None, f"{called}: cannot be read: {error.strerror}", path=path)
    text = raw.decode(errors="replace")
    try:
        table = _parsed(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:  # no TOML, or not in UTF-8
        return ConfigurationFile(shown, None, f"{called}: is not valid TOML: {error}", text, path)
    return ConfigurationFile(shown, _ours(table) if inner else table, path=path)


def _parsed(text: str) -> Mapping[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed there alone

    table: Mapping[str, Any] = tomllib.loads(text)
    return table


def _ours(table: Mapping[str, Any]) -> Mapping[str, Any]:
    tools = table.get("tool", {})
    inner = tools.get("outworx", {}) if isinstance(tools, dict) else {}
    return inner if isinstance(inner, dict) else {}
