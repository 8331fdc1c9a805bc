"""Tests replace nothing private: what a test has to set has a parameter, a public bound or an object of its own."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]

# What nobody else has a way to, and why.
REPLACED = {
    "door/conftest.py: trace._TRACER_PROVIDER": "OpenTelemetry takes one provider in a process's life",
    "door/rows_other_side.py: request._body": "a middleware of the application's that inflates bodies",
    "door/rows_other_side.py: request._stream": "likewise",
    "door/rows_switched_off.py: trace._TRACER_PROVIDER": "as in conftest.py",
    "drops/test_observers.py: warnings._warn_unawaited_coroutine": "another package that replaces it, too",
    "server/store/test_faults.py: _INSTRUCTIONS_BETWEEN_LOOKS": "how often SQLite is looked after: no bound",
    "server/store/test_plans.py: store._database._limited": "where SQLite's own count of its work is had",
    "signatures/test_properties.py: thorough._express": "the short way is taken out, to compare the two",
    "support/first_set_up.py: bootstrap._given": "a process is set up once, and production has no way back",
}


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def written(node: ast.expr) -> str:
    """The names of `a.b.c`, where it is no more than that."""
    if isinstance(node, ast.Attribute):
        return f"{written(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def replaced_in(tree: ast.AST) -> Iterator[str]:
    """What `setattr` and assignments replace: everything with a private name on the way to it."""
    for node in ast.walk(tree):
        named = ""
        if isinstance(node, ast.Call) and written(node.func).endswith("setattr") and len(node.args) > 1:
            target, name = node.args[:2]
            if isinstance(target, ast.Constant):
                named = str(target.value).rpartition(".")[2]
            elif isinstance(name, ast.Constant):
                named = f"{written(target)}.{name.value}"
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Attribute):
            named = written(node.targets[0])
        first, *names = named.split(".")
        if first not in ("self", "cls") and any(map(is_private, names or [first])):
            yield named


def test_no_test_replaces_a_private_name_but_these() -> None:
    found = {
        f"{path.relative_to(TESTS).as_posix()}: {name}"
        for path in sorted(TESTS.rglob("*.py"))
        for name in replaced_in(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == set(REPLACED)


@pytest.mark.parametrize(
    ("line", "replaced"),
    [
        ('monkeypatch.setattr(_door, "_proofs", 0)', ["_door._proofs"]),
        ('patch.setattr(app._store, "write", full)', ["app._store.write"]),
        ('monkeypatch.setattr("outworx_otel.setup.enforcement._said_at", 0)', ["_said_at"]),
        ("bootstrap._given = None", ["bootstrap._given"]),
        ('monkeypatch.setattr(_door, "PROOF_BYTES", 0)', []),
        ('monkeypatch.setattr(InstrumentationError, "__init__", note)', []),
        ("self._kept = kept = None", []),
    ],
)
def test_every_way_to_replace_one_is_seen(line: str, replaced: list[str]) -> None:
    assert list(replaced_in(ast.parse(line))) == replaced
