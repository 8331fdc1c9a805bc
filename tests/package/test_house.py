"""How the house is built: no file imports, not even late, a file that imports it, and no two classes share a name."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import outworx_otel

ROOT = Path(outworx_otel.__file__).parent
PACKAGE = "outworx_otel"


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {name_of(path): path for path in sorted(ROOT.rglob("*.py"))}


def is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and any(
        "TYPE_CHECKING" in (getattr(part, "id", None), getattr(part, "attr", None))
        for part in ast.walk(node.test)
    )


def imports_at_run_time(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Those of functions too; those that only a type checker follows are left out."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif is_for_types(node):
            assert isinstance(node, ast.If)
            yield from imports_at_run_time(ast.Module(node.orelse, []))
        else:
            yield from imports_at_run_time(node)


def targets(name: str, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """The files that an import means: `from package import module` means the module, not the package's face."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in FILES)
        return
    module = node.module or ""
    if node.level:
        within = name.split(".") if FILES[name].name == "__init__.py" else name.split(".")[:-1]
        module = ".".join([*within[: len(within) - node.level + 1], *filter(None, [module])])
    for alias in node.names:
        if f"{module}.{alias.name}" in FILES:
            yield f"{module}.{alias.name}"
        elif module in FILES:
            yield module


def graph_of(files: dict[str, str]) -> dict[str, set[str]]:
    return {
        name: {target for node in imports_at_run_time(ast.parse(text)) for target in targets(name, node)}
        - {name}
        for name, text in files.items()
    }


def circles(graph: dict[str, set[str]]) -> set[frozenset[str]]:
    """The groups of files each of which reaches every other (Tarjan's strongly connected components)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: set[frozenset[str]] = set()

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for target in graph[name]:
            if target not in index:
                visit(target)
                low[name] = min(low[name], low[target])
            elif target in stack:
                low[name] = min(low[name], index[target])
        if low[name] == index[name]:
            group = set()
            while name not in group:
                group.add(stack.pop())
            if len(group) > 1:
                found.add(frozenset(group))

    for name in graph:
        if name not in index:
            visit(name)
    return found


def test_no_file_imports_one_that_imports_it() -> None:
    graph = graph_of({name: path.read_text() for name, path in FILES.items()})
    assert [sorted(circle) for circle in circles(graph)] == []


@pytest.mark.parametrize(
    ("first", "second", "is_one"),
    [
        ("from outworx_otel.b import x", "from outworx_otel.a import y", True),
        ("import outworx_otel.b", "def f():\n    from outworx_otel import a", True),
        ("from .b import x", "class C:\n    def f(self):\n        from . import a", True),
        (
            "try:\n    from . import b\nexcept ImportError:\n    pass",
            "if True:\n    import outworx_otel.a",
            True,
        ),
        ("from .b import x", "if TYPE_CHECKING:\n    from .a import y\nelse:\n    from .a import z", True),
        ("from .b import x", "if TYPE_CHECKING:\n    from .a import y", False),
        ("from .b import x", "if typing.TYPE_CHECKING:\n    from . import a", False),
        ("from .b import x", "import os", False),
    ],
)
def test_every_kind_of_import_is_seen(
    first: str, second: str, is_one: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {f"{PACKAGE}.a": first, f"{PACKAGE}.b": second}
    for name in files:
        monkeypatch.setitem(FILES, name, ROOT / f"{name.rpartition('.')[2]}.py")
    assert circles(graph_of({**dict.fromkeys(FILES, ""), **files})) == (
        {frozenset(files)} if is_one else set()
    )


ONE_FOR_EACH_FRAMEWORK = {"OutworxHooksMiddleware", "Door"}
"""Names that the integrations share because they are the same thing for another framework or protocol."""


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for module, path in FILES.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)
    shared = {name: modules for name, modules in places.items() if len(modules) > 1}
    assert {name: found for name, found in shared.items() if name not in ONE_FOR_EACH_FRAMEWORK} == {}
