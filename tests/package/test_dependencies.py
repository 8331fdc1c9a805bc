"""Every distribution that the source imports is one that pyproject.toml names, as a dependency or in an extra."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from outworx_otel.setup.files import read_file

ROOT = Path(__file__).parents[2]
PROJECT: Any = (read_file(ROOT / "pyproject.toml").table or {})["project"]
DECLARED = {
    canonicalize_name(Requirement(line).name)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
}
# Not installed here: on other versions of Python alone, or beside what another maker has.
ELSEWHERE = {
    "tomli": "tomli",
    "typing_extensions": "typing-extensions",
    "opentelemetry.configuration": "opentelemetry-configuration",
}


def imported(source: str) -> Iterator[tuple[str, ...]]:
    """Each module that is imported, late or by name, as the names it may have: `from a import b` may mean `a.b`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((alias.name,) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield from ((f"{node.module}.{alias.name}", node.module) for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", None) == "import_module":
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield (name.value,)


@cache
def by_package() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


@cache
def files_of(distribution: str) -> frozenset[str]:
    return frozenset(str(file) for file in metadata.files(distribution) or ())


@cache
def distributions(names: tuple[str, ...]) -> frozenset[str]:
    """Those that hold the module; of a namespace that many share, those with its very file."""
    top = names[0].partition(".")[0]
    if top in sys.stdlib_module_names or top == "outworx_otel":
        return frozenset()
    candidates = by_package().get(top, ())
    if not candidates:
        return frozenset({ELSEWHERE.get(top, f"whatever has {top}")})
    if len(set(candidates)) == 1:
        return frozenset(candidates)
    for name in names:
        path = name.replace(".", "/")
        found = frozenset(one for one in candidates if files_of(one) & {f"{path}.py", f"{path}/__init__.py"})
        if found:
            return found
    return frozenset({ELSEWHERE[names[-1]]})


def undeclared(sources: dict[str, str]) -> dict[str, set[str]]:
    """The distributions that nobody has named, with the files that import them."""
    found: dict[str, set[str]] = {}
    for place, source in sources.items():
        for names in imported(source):
            for distribution in distributions(names):
                if canonicalize_name(distribution) not in DECLARED:
                    found.setdefault(distribution, set()).add(place)
    return found


def test_every_distribution_that_is_imported_is_declared() -> None:
    source = ROOT / "src"
    assert (
        undeclared({str(path.relative_to(source)): path.read_text() for path in source.rglob("*.py")}) == {}
    )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import blinker", "blinker"),
        ("def late():\n    from click.testing import CliRunner", "click"),
        ("import importlib\nimportlib.import_module('idna.core')", "idna"),
        (
            "from opentelemetry.instrumentation.flask import FlaskInstrumentor",
            "opentelemetry-instrumentation-flask",
        ),
        ("from opentelemetry import trace, semconv", "opentelemetry-semantic-conventions"),
        ("import nobody_has_this", "whatever has nobody_has_this"),
        ("from opentelemetry import trace\nimport os, outworx_otel.errors\nfrom . import errors", None),
    ],
)
def test_an_import_of_any_kind_is_seen(source: str, found: str | None) -> None:
    assert undeclared({"here": source}) == ({} if found is None else {found: {"here"}})


def test_no_extra_that_the_readme_or_the_docs_name_is_missing() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        extra.strip()
        for page in pages
        for extras in re.findall(r"outworx-otel\[([a-z, -]+)\]", page.read_text(encoding="utf-8"))
        for extra in extras.split(",")
    }
    assert named <= set(PROJECT["optional-dependencies"])
