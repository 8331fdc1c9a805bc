"""Reads from a source file where functions return, and which lines `try` and `with` statements guard."""

from __future__ import annotations

import ast
import builtins
import dis
import functools
import linecache
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import CodeType
from typing import Final

_MAX_SOURCE: Final = 1_000_000

Lines = tuple[int, int]


@dataclass(frozen=True)
class ExceptClause:
    """An `except` clause: the lines of its head, the last names of the types it is for, its body."""

    head: Lines
    types: frozenset[str]
    body: Lines


@dataclass(frozen=True)
class GuardedBlock:
    """A `try` (with its clauses) or `with` statement, and the lines that an exception inside it skips."""

    head: int
    guarded: tuple[Lines, ...]
    clauses: tuple[ExceptClause, ...]


@dataclass(frozen=True)
class Layout:
    """The `return` statements and guards of a whole file, and by name the lines of calls that no `await` precedes."""

    returns: tuple[Lines, ...]
    guards: tuple[GuardedBlock, ...]
    unawaited: Mapping[str, tuple[int, ...]]

    def return_at(self, line: int) -> int | None:
        """Returns the first line of the `return` statement that a line belongs to, or None."""
        inside = [first for first, last in self.returns if first <= line <= last]
        return max(inside, default=None)


@functools.lru_cache(maxsize=64)
def layout_of(filename: str) -> Layout | None:
    """Reads a file. Returns None if it has no source, or none that this Python can parse."""
    source = "".join(linecache.getlines(filename))
    if not source or len(source) > _MAX_SOURCE:
        return None
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return None
    returns = []
    guards = []
    unawaited: dict[str, tuple[int, ...]] = {}
    awaited: set[ast.AST] = set()
    for node in ast.walk(tree):  # the outer ones first
        if isinstance(node, ast.Await):
            awaited.add(node.value)
        elif isinstance(node, ast.Call) and node not in awaited:
            for name in _last_names(node.func):
                unawaited[name] = (*unawaited.get(name, ()), node.lineno)
        elif isinstance(node, ast.Return):
            returns.append(_lines(node))
        elif isinstance(node, (ast.With, ast.AsyncWith)):
            guards.append(GuardedBlock(node.lineno, (_span(node.body),), ()))
        elif type(node).__name__ in ("Try", "TryStar"):
            guards.append(_guard(node))
    return Layout(tuple(returns), tuple(guards), unawaited)


def _guard(node: ast.AST) -> GuardedBlock:
    assert isinstance(node, ast.Try) or type(node).__name__ == "TryStar"
    body: list[ast.stmt] = node.body  # type: ignore[attr-defined]  # TryStar is unknown to Python 3.10
    otherwise: list[ast.stmt] = node.orelse  # type: ignore[attr-defined]  # as above
    handlers: list[ast.ExceptHandler] = node.handlers  # type: ignore[attr-defined]  # as above
    guarded = [_span(body)] + ([_span(otherwise)] if otherwise else [])
    clauses = []
    for handler in handlers:
        kind = handler.type
        types = frozenset() if kind is None else frozenset(_last_names(kind))
        last = handler.lineno if kind is None else _lines(kind)[1]
        clauses.append(ExceptClause((handler.lineno, last), types, _span(handler.body)))
    return GuardedBlock(body[0].lineno, tuple(guarded), tuple(clauses))


def _last_names(expression: ast.expr) -> Iterable[str]:
    for part in expression.elts if isinstance(expression, ast.Tuple) else (expression,):
        if isinstance(part, ast.Name):
            yield part.id
        elif isinstance(part, ast.Attribute):
            yield part.attr


def _lines(node: ast.stmt | ast.expr) -> Lines:
    return node.lineno, node.end_lineno or node.lineno


def _span(statements: list[ast.stmt]) -> Lines:
    return statements[0].lineno, _lines(statements[-1])[1]


def line_at(code: CodeType, offset: int) -> int:
    """Returns the line of an instruction, or of the first one after it that has a line."""
    for _, end, line in code.co_lines():
        if end > offset and line is not None:
            return line
    return code.co_firstlineno


def returned_line(code: CodeType, offset: int) -> int:
    """Returns the line of the `return` that a function ended with, or of its last statement.

    Inside `with` and `finally` the instruction that returns has the line of the clean-up before it: then the
    statement is found by going back to it.
    """
    line = line_at(code, offset)
    layout = layout_of(code.co_filename)
    if layout is None:
        return line
    statement = layout.return_at(line)
    if statement is not None:
        return statement
    earlier = [instruction for instruction in dis.get_instructions(code) if instruction.offset < offset]
    for instruction in reversed(earlier):
        name = instruction.opname
        if name.startswith(("RETURN", "RAISE", "RERAISE")) or name == "JUMP_BACKWARD":
            break
        statement = layout.return_at(line_at(code, instruction.offset))
        if statement is not None:
            return statement
    return line


def caught_by(
    code: CodeType, offset: int, kind: type[BaseException]
) -> tuple[int, GuardedBlock | None, ExceptClause | None]:
    """Returns the line on which an exception of this kind was handled, and what guarded it.

    Args:
        code, offset: where its handling began, which is the first of several `except` clauses.
        kind: the exception's class.
    """
    line = line_at(code, offset)
    layout = layout_of(code.co_filename)
    for guard in () if layout is None else layout.guards:
        if not guard.clauses:
            if guard.head == line:
                return line, guard, None
        elif guard.clauses[0].head[0] <= line <= guard.clauses[0].head[1] or (
            not guard.clauses[0].types and guard.clauses[0].body[0] == line
        ):
            clause = _matching(guard.clauses, kind)
            return clause.head[0], guard, clause
    return line, None, None


def _matching(clauses: tuple[ExceptClause, ...], kind: type[BaseException]) -> ExceptClause:
    """Returns the clause by the names of its types; for an alias or a variable, the first that may match."""
    names = {base.__name__ for base in kind.__mro__}
    builtin = {name for clause in clauses for name in clause.types if hasattr(builtins, name)}
    for clause in clauses:
        if not clause.types or clause.types & names:
            return clause
    return next((clause for clause in clauses if not clause.types <= builtin), clauses[0])
