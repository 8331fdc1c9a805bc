"""Python files: imports, what they name, and the strings of Django's MIDDLEWARE."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

import libcst as cst
from libcst.helpers import get_full_name_for_node
from libcst.metadata import (
    ImportAssignment,
    MetadataWrapper,
    ParentNodeProvider,
    PositionProvider,
    QualifiedNameProvider,
    QualifiedNameSource,
    ScopeProvider,
)

from outworx_otel.cli.migrate.findings import Left, Migrated
from outworx_otel.cli.migrate.names import MODULES, NAMES, NEW, OLD, advice, counterpart

_MENTIONS: Final = re.compile(r"(?<![\w.])outworx[-_]hooks(?!\w)")


def migrate_python(raw: bytes) -> Migrated:
    """What becomes of a Python file.

    Args:
        raw: what it holds, in whatever encoding it says.
    """
    if OLD.encode() not in raw and b"outworx-hooks" not in raw:
        return Migrated(raw)
    try:
        module = cst.parse_module(raw)
    except Exception as error:  # noqa: BLE001  # whatever the parser makes of what is no Python
        said = (getattr(error, "message", None) or str(error) or type(error).__name__).splitlines()[0]
        return Migrated(raw, (Left(getattr(error, "raw_line", 1), f"the file cannot be parsed: {said}"),))
    if module.bytes != raw:
        return Migrated(raw, (Left(1, "it could not be written back letter for letter: change it by hand"),))
    reading = _Reading()
    try:
        MetadataWrapper(module, unsafe_skip_copy=True).visit(reading)
    except RecursionError:
        return Migrated(raw, (Left(1, "it is nested too deeply to be read: change it by hand"),))
    return Migrated(module.visit(_Writing(reading)).bytes, tuple(sorted(set(reading.left))))


class _Reading(cst.CSTVisitor):
    """Finds what is to be rewritten, and what cannot be decided."""

    METADATA_DEPENDENCIES = (ParentNodeProvider, PositionProvider, QualifiedNameProvider, ScopeProvider)

    def __init__(self) -> None:
        super().__init__()
        self.left: list[Left] = []
        # Local names that stay bound to the old module, because something is asked of it that the new one lacks.
        self.kept: set[str] = set()
        # The nodes `outworx_hooks` in code, and the strings, that are to name the new one.
        self.roots: set[cst.CSTNode] = set()
        self.strings: set[cst.CSTNode] = set()

    def visit_Import(self, node: cst.Import) -> bool:
        for alias in node.names:
            name = _dotted(alias.name)
            why = self._why_it_stays(node, alias) if _is_old(name) else None
            if why is not None:
                self._leave(node, why)
                self.kept.add(_bound(alias))
        return False

    def _why_it_stays(self, node: cst.Import, alias: cst.ImportAlias) -> str | None:
        name = _dotted(alias.name)
        if name not in MODULES:
            return advice(name)
        if _bound(alias) == OLD:
            scope = self.get_metadata(ScopeProvider, node)
            bindings = () if scope is None else scope[OLD]
            if alias.asname or not all(isinstance(one, ImportAssignment) for one in bindings):
                return f"the name {OLD} is not bound to the module alone, so it stays"
        return None

    def visit_ImportFrom(self, node: cst.ImportFrom) -> bool:
        module = _module_of(node)
        if not _is_old(module):
            return False
        if isinstance(node.names, cst.ImportStar):
            self._leave(node, f"from {module} import *: import by name what is used")
            return False
        for alias in node.names:
            if counterpart(f"{module}.{_dotted(alias.name)}") is None:
                self._leave(node, advice(f"{module}.{_dotted(alias.name)}"))
        if _splits(node) and "#" in _code(node):
            self._leave(
                node, "a part of it has no counterpart, and there are comments in between: split it by hand"
            )
        return False

    def visit_Attribute(self, node: cst.Attribute) -> bool:
        return not self._is_chain_of_ours(node)

    def visit_Name(self, node: cst.Name) -> None:
        parent = self.get_metadata(ParentNodeProvider, node)
        if not (isinstance(parent, cst.Attribute) and parent.attr is node):
            self._is_chain_of_ours(node)

    def visit_SimpleString(self, node: cst.SimpleString) -> None:
        parent = self.get_metadata(ParentNodeProvider, node)
        if _MENTIONS.search(node.value) is None or isinstance(parent, cst.Expr):  # a docstring
            return
        value = node.evaluated_value
        alone = not isinstance(parent, cst.ConcatenatedString)
        if alone and isinstance(value, str) and value in NAMES and value in node.value:
            self.strings.add(node)
        else:
            self._leave(node, "a text names it: decide whether it is to be changed")

    def visit_FormattedStringText(self, node: cst.FormattedStringText) -> None:
        if _MENTIONS.search(node.value):
            self._leave(node, "a text names it: decide whether it is to be changed")

    def _is_chain_of_ours(self, node: cst.Name | cst.Attribute) -> bool:
        """Looks at a whole chain of names, `outworx_hooks.security.SignatureResult`; False where it is no such."""
        root = _root(node)
        if root is None:
            return False
        module = self._module_behind(root)
        if module is None:
            return False
        name = ".".join((module, *_dotted(node).split(".")[1:]))
        known = next((prefix for prefix in _prefixes(name) if counterpart(prefix) is not None), OLD)
        if NAMES.get(known) == NEW + known[len(OLD) :]:
            self.roots.add(root)
        elif known == name:
            self._keep(
                root, f"{name} is used as a value, and what is asked of it cannot be seen, so it stays"
            )
        else:
            asked = name[: len(known) + 1 + len(name[len(known) + 1 :].partition(".")[0])]
            self._keep(root, f"{advice(asked)}, so it stays")
        return True

    def _module_behind(self, root: cst.Name) -> str | None:
        """The module of outworx-hooks that a name is bound to by an import."""
        found: Any = self.get_metadata(QualifiedNameProvider, root, ())
        imported = (one.name for one in found if one.source is QualifiedNameSource.IMPORT)
        return next((name for name in imported if name in MODULES), None)

    def _keep(self, root: cst.Name, why: str) -> None:
        self._leave(root, why)
        self.kept.add(root.value)

    def _leave(self, node: cst.CSTNode, why: str) -> None:
        self.left.append(Left(self.get_metadata(PositionProvider, node).start.line, why))


class _Writing(cst.CSTTransformer):
    """Rewrites what was found."""

    def __init__(self, found: _Reading) -> None:
        super().__init__()
        self._found = found

    def leave_Name(self, original_node: cst.Name, updated_node: cst.Name) -> cst.Name:
        named = original_node in self._found.roots and original_node.value == OLD
        return updated_node.with_changes(value=NEW) if named and OLD not in self._found.kept else updated_node

    def leave_SimpleString(
        self, original_node: cst.SimpleString, updated_node: cst.SimpleString
    ) -> cst.SimpleString:
        if original_node not in self._found.strings:
            return updated_node
        old = str(original_node.evaluated_value)
        return updated_node.with_changes(value=original_node.value.replace(old, NAMES[old]))

    def leave_Import(self, original_node: cst.Import, updated_node: cst.Import) -> cst.Import:
        return updated_node.with_changes(names=[self._import(alias) for alias in original_node.names])

    def _import(self, alias: cst.ImportAlias) -> cst.ImportAlias:
        name = _dotted(alias.name)
        if name not in MODULES or _bound(alias) in self._found.kept:
            return alias
        return alias.with_changes(name=_expression(MODULES[name]))

    def leave_SimpleStatementLine(
        self, original_node: cst.SimpleStatementLine, updated_node: cst.SimpleStatementLine
    ) -> cst.SimpleStatementLine | cst.FlattenSentinel[cst.SimpleStatementLine]:
        """Where a part of what is imported has no counterpart, that part stays, on a line of its own."""
        only = original_node.body[0]
        if len(original_node.body) > 1 or not isinstance(only, cst.ImportFrom):
            return updated_node
        moved, staying = self._parts(only)
        if not moved or not staying:
            return updated_node
        return cst.FlattenSentinel(
            [
                updated_node.with_changes(body=[_renamed(_only(only, moved))]),
                cst.SimpleStatementLine([_only(only, staying)]),
            ]
        )

    def leave_ImportFrom(self, original_node: cst.ImportFrom, updated_node: cst.ImportFrom) -> cst.ImportFrom:
        moved, staying = self._parts(original_node)
        return _renamed(updated_node) if moved and not staying else updated_node

    def _parts(self, node: cst.ImportFrom) -> tuple[list[cst.ImportAlias], list[cst.ImportAlias]]:
        """What moves, and what stays; all of it where it cannot be taken apart."""
        if isinstance(node.names, cst.ImportStar) or not _is_old(_module_of(node)):
            return [], []
        moved = [
            alias
            for alias in node.names
            if counterpart(f"{_module_of(node)}.{_dotted(alias.name)}")
            and _bound(alias) not in self._found.kept
        ]
        staying = [alias for alias in node.names if alias not in moved]
        return ([], staying) if staying and "#" in _code(node) else (moved, staying)


def _splits(node: cst.ImportFrom) -> bool:
    names = () if isinstance(node.names, cst.ImportStar) else node.names
    known = [counterpart(f"{_module_of(node)}.{_dotted(alias.name)}") is not None for alias in names]
    return any(known) and not all(known)


def _only(node: cst.ImportFrom, aliases: list[cst.ImportAlias]) -> cst.ImportFrom:
    plain = [alias.with_changes(comma=cst.MaybeSentinel.DEFAULT) for alias in aliases]
    return node.with_changes(names=plain, lpar=None, rpar=None, semicolon=cst.MaybeSentinel.DEFAULT)


def _renamed(node: cst.ImportFrom) -> cst.ImportFrom:
    """Its names come from the module here. Those of one module there are in one module here."""
    assert not isinstance(node.names, cst.ImportStar)
    new = counterpart(f"{_module_of(node)}.{_dotted(node.names[0].name)}") or ""
    return node.with_changes(module=_expression(new.rpartition(".")[0]))


def _module_of(node: cst.ImportFrom) -> str:
    return "" if node.relative or node.module is None else _dotted(node.module)


def _bound(alias: cst.ImportAlias) -> str:
    """The local name that an import binds."""
    if alias.asname is not None:
        return _dotted(alias.asname.name)
    return _dotted(alias.name).partition(".")[0]


def _root(node: cst.BaseExpression) -> cst.Name | None:
    while isinstance(node, cst.Attribute):
        node = node.value
    return node if isinstance(node, cst.Name) else None


def _dotted(node: cst.CSTNode) -> str:
    return get_full_name_for_node(node) or ""


def _prefixes(name: str) -> Iterator[str]:
    """The longest first."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _is_old(name: str) -> bool:
    return name == OLD or name.startswith(f"{OLD}.")


def _expression(name: str) -> cst.BaseExpression:
    return cst.parse_expression(name)


def _code(node: cst.CSTNode) -> str:
    return cst.Module([]).code_for_node(node)
