"""On which lines functions mark, or call what marks. Read from their code after a delivery was dropped."""

from __future__ import annotations

import dis
import itertools
from collections.abc import Iterator
from types import CodeType

from outworx_otel.drops.graph import Node, mark_offsets
from outworx_otel.drops.layout import layout_of, line_at


def reachable(roots: tuple[Node, ...]) -> Iterator[Node]:
    """Yields a handler's own nodes and all that they may call."""
    seen = set(roots)
    waiting = list(roots)
    while waiting:
        node = waiting.pop()
        yield node
        for callee in list(node.calls):
            if callee not in seen:
                seen.add(callee)
                waiting.append(callee)


def mark_lines(node: Node) -> list[int]:
    """Returns the lines of a function's marks."""
    return sorted({line_at(node.code, offset) for offset in mark_offsets(node.code)}) if node.marks else []


def leading_call_lines(node: Node) -> Iterator[int]:
    """Yields the lines on which a function calls what leads to a mark."""
    for callee in list(node.calls):
        if callee.leads:
            yield from call_lines(node, callee)


def call_lines(node: Node, callee: Node) -> set[int]:
    """Returns the lines on which a function calls another, or names it."""
    sites = list(node.calls[callee])
    lines = {line_at(node.code, site) for site in sites if isinstance(site, int)}
    names = {site for site in sites if isinstance(site, str)}
    return lines | {line for name, line in _loads(node.code) if name in names}


def seen_calls(node: Node, code: CodeType) -> list[int]:
    """Returns the lines on which a function was seen to call another without awaiting it at once."""
    sites = {offset for called, offset in list(node.foreign) if called is code}
    for callee, seen in list(node.calls.items()):
        if callee.code is code:
            sites.update(site for site in list(seen) if isinstance(site, int))
    if sites:
        for call, then in itertools.pairwise(dis.get_instructions(node.code)):
            if then.opname == "GET_AWAITABLE":
                sites.discard(call.offset)
    return sorted(line_at(node.code, offset) for offset in sites)


def written_calls(node: Node, code: CodeType) -> list[int]:
    """Returns the lines of a function's source that call something by another's name without awaiting it."""
    layout = layout_of(node.code.co_filename)
    if layout is None or code.co_name not in layout.unawaited:
        return []
    first, last = node.code.co_firstlineno, max(line or 0 for _, _, line in node.code.co_lines())
    return [line for line in layout.unawaited[code.co_name] if first <= line <= last]


def _loads(code: CodeType) -> Iterator[tuple[str, int]]:
    for instruction in dis.get_instructions(code):
        if instruction.opname.startswith("LOAD_"):
            names = instruction.argval if isinstance(instruction.argval, tuple) else (instruction.argval,)
            for name in names:
                if isinstance(name, str):
                    yield name, line_at(code, instruction.offset)
