"""The dependency in requirements files and in pyproject.toml."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from outworx_otel.cli.migrate.findings import Left, Migrated

OLD: Final = "outworx-hooks"
NEW: Final = "outworx-otel"

_NAMED: Final = re.compile(r"(?<![\w.-])outworx[-_.]+hooks(?![\w-])", re.IGNORECASE)
_LINE: Final = re.compile(r"^(\s*)([^\s#;][^#;]*?)(\s*(?:;[^#]*?)?\s*(?:(?<=\s)#.*)?)$", re.DOTALL)
_POETRY: Final = re.compile(r"""^(\s*)(["']?)outworx[-_.]hooks\2(\s*=\s*)(["'])[^"']*\4""", re.IGNORECASE)
_QUOTED: Final = re.compile(r"""(["'])((?:(?!\1).)*)\1""")
_BY_HAND: Final = "it is named here in another way: change it by hand"


def migrate_requirements(raw: bytes) -> Migrated:
    """What becomes of a requirements or constraints file, as pip and uv read them."""
    return _line_by_line(raw, _requirement_line)


def migrate_pyproject(raw: bytes) -> Migrated:
    """What becomes of pyproject.toml: the lists of the standard, its dependency groups, and Poetry's tables."""
    import sys

    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib  # type: ignore[import-not-found,unused-ignore]  # installed there alone

    if _NAMED.search(raw.decode("utf-8", "replace")) is None:
        return Migrated(raw)
    try:
        wanted = set(_listed(tomllib.loads(raw.decode("utf-8"))))
    except ValueError as error:
        return Migrated(raw, (Left(1, f"the file cannot be parsed: {error}"),))
    return _line_by_line(raw, lambda line: _pyproject_line(line, wanted))


def mentions(raw: bytes) -> tuple[Left, ...]:
    """Where a file that is not rewritten names the distribution or the package: a lock file, a Dockerfile."""
    lines = raw.decode("utf-8", "replace").splitlines()
    return tuple(Left(number, _BY_HAND) for number, line in enumerate(lines, 1) if _NAMED.search(line))


def _line_by_line(raw: bytes, change: Any) -> Migrated:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return Migrated(raw, mentions(raw))
    left, changed = [], []
    for number, line in enumerate(text.split("\n"), 1):
        body, end = (line[:-1], "\r") if line.endswith("\r") else (line, "")
        found = _NAMED.search(body.partition("#")[0])
        new = change(body) if found else body
        changed.append(new + end)
        if found and _NAMED.search(new.partition("#")[0]):
            left.append(Left(number, _BY_HAND))
    return Migrated("\n".join(changed).encode(), tuple(left))


def _requirement_line(line: str) -> str:
    parts = _LINE.match(line)
    new = None if parts is None else _renamed(parts[2])
    return line if parts is None or new is None else f"{parts[1]}{new}{parts[3]}"


def _pyproject_line(line: str, wanted: set[str]) -> str:
    poetry = _POETRY.match(line)
    if poetry is not None:
        return (
            f"{poetry[1]}{poetry[2]}{NEW}{poetry[2]}{poetry[3]}{poetry[4]}*{poetry[4]}{line[poetry.end() :]}"
        )

    def renamed(quoted: re.Match[str]) -> str:
        if quoted[2] not in wanted:
            return quoted[0]
        requirement, mark, marker = quoted[2].partition(";")
        new = _renamed(requirement)
        return quoted[0] if new is None else f"{quoted[1]}{new}{mark and ' ; '}{marker.strip()}{quoted[1]}"

    return _QUOTED.sub(renamed, line)


def _renamed(text: str) -> str | None:
    """The requirement without its versions, which say nothing of the other package; None where it is no plain one."""
    try:
        requirement = Requirement(text.strip())
    except InvalidRequirement:
        return None
    if canonicalize_name(requirement.name) != OLD or requirement.url is not None:
        return None
    extras = ",".join(sorted(requirement.extras))
    return f"{NEW}[{extras}]" if extras else NEW


def _listed(document: Any) -> Iterator[str]:
    """The requirements that pyproject.toml lists."""
    project = document.get("project", {})
    groups = (
        project.get("dependencies", ()),
        *project.get("optional-dependencies", {}).values(),
        *document.get("dependency-groups", {}).values(),
        document.get("tool", {}).get("uv", {}).get("dev-dependencies", ()),
    )
    for group in groups:
        yield from (entry for entry in group if isinstance(entry, str) and _NAMED.search(entry))
