"""The graph of the application's functions that a handler may call, and which of them lead to a mark."""

from __future__ import annotations

import dis
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, FunctionType
from typing import Final

from outworx_otel.drops.references import annotated, referred, with_nested

MAX_NODES: Final = 4096
MAX_PER_HANDLER: Final = 300
_MARKS: Final = frozenset({"processed", "failed", "ignored"})


class Node:
    """One code object of the application.

    `calls` holds, for each function it calls or refers to, the names found in its code and the offsets at which
    a call was seen at run time.
    """

    __slots__ = ("callers", "calls", "code", "foreign", "leads", "marks", "strong")

    def __init__(self, code: CodeType) -> None:
        self.code = code
        self.calls: dict[Node, set[str | int]] = {}
        self.callers: set[Node] = set()
        # Coroutine functions of libraries, and the offsets at which it was seen to call them.
        self.foreign: list[tuple[CodeType, int]] = []
        self.marks = _holds_mark(code)
        # Strong: `processed()`, the mark that a delivery should get. `failed()` and `ignored()` end it early.
        self.strong = self.marks and "processed" in code.co_names
        self.leads = self.marks

    def __repr__(self) -> str:
        return f"Node({self.code.co_name}, line {self.code.co_firstlineno})"


def _holds_mark(code: CodeType) -> bool:
    found = _MARKS.intersection(code.co_names)
    return bool(found) and ("processed" in found or any(True for _ in mark_offsets(code)))


def mark_offsets(code: CodeType) -> Iterator[int]:
    """Yields the offsets at which the code looks up `.processed`, or calls `.failed(` or `.ignored(`.

    The latter two are told from plain attributes (`if job.failed:`) by the bit that LOAD_ATTR has for methods.
    """
    for instruction in dis.get_instructions(code):
        name = instruction.argval
        if instruction.opname in ("LOAD_ATTR", "LOAD_METHOD") and name in _MARKS:
            is_method = instruction.opname == "LOAD_METHOD" or bool((instruction.arg or 0) & 1)
            if name == "processed" or is_method:
                yield instruction.offset


class Graph:
    """The nodes of the process, by the id of their code, which they keep alive.

    Args:
        listen: called with each code object whose calls should be observed.
        listen_returns: called with each whose returns should be observed too: handlers, and what leads to a mark.
    """

    def __init__(
        self, listen: Callable[[CodeType], None], listen_returns: Callable[[CodeType], None]
    ) -> None:
        self.nodes: dict[int, Node] = {}
        self._listen = listen
        self._listen_returns = listen_returns

    def add_handler(self, functions: Iterable[FunctionType], owner: object) -> tuple[Node, ...]:
        """Reads a handler and what it can reach by name. Returns the handler's own nodes."""
        roots = []
        waiting: deque[tuple[FunctionType, object]] = deque()
        for function in functions:
            root = self._node(function.__code__)
            self._listen_returns(root.code)
            roots.append(root)
            waiting.append((function, owner))
        self._read(waiting)
        return tuple(roots)

    def learn(self, caller: Node, offset: int, callee: FunctionType, owner: object) -> None:
        """Adds a call that was seen at run time."""
        known = id(callee.__code__) in self.nodes
        self.connect(caller, self._node(callee.__code__), offset)
        if not known:
            self._read(deque([(callee, owner)]))

    def connect(self, caller: Node, callee: Node, site: str | int) -> None:
        """Notes that `caller` calls `callee`, or refers to it, at `site` (a name or an offset)."""
        sites = caller.calls.get(callee)
        if sites is None:
            sites = caller.calls[callee] = set()
            callee.callers.add(caller)
        sites.add(site)
        if callee.leads:
            self._leads(caller, callee.strong)

    def _leads(self, node: Node, strong: bool) -> None:
        waiting = [node]
        while waiting:
            node = waiting.pop()
            if node.leads and (node.strong or not strong):
                continue
            if not node.leads:
                self._listen_returns(node.code)
            node.leads = True
            node.strong = node.strong or strong
            waiting.extend(node.callers)

    def _node(self, code: CodeType) -> Node:
        node = self.nodes.get(id(code))
        if node is None:
            node = self.nodes[id(code)] = Node(code)
            self._listen(code)
            if node.leads:
                self._listen_returns(code)
        return node

    def _read(self, waiting: deque[tuple[FunctionType, object]]) -> None:
        """Follows names from function to function, breadth first, up to a limit."""
        seen: set[int] = set()
        while waiting and len(seen) < MAX_PER_HANDLER:
            function, owner = waiting.popleft()
            if id(function.__code__) in seen:
                continue
            seen.add(id(function.__code__))
            cells = dict(zip(function.__code__.co_freevars, function.__closure__ or (), strict=False))
            holders = [*([] if owner is None else [owner]), *annotated(function)]
            for code, outer in with_nested(function.__code__):
                node = self._node(code)
                if outer is not None:
                    self.connect(self._node(outer), node, node.code.co_name)
                for name, callee, callee_owner in referred(code, function.__globals__, cells, holders):
                    self.connect(node, self._node(callee.__code__), name)
                    waiting.append((callee, callee_owner))
