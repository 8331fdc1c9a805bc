"""The exception that kept a delivery from its mark."""

from __future__ import annotations

from outworx_otel.drops.finding import Finding, absolute
from outworx_otel.drops.graph import Node
from outworx_otel.drops.layout import caught_by
from outworx_otel.drops.leaving import Left
from outworx_otel.drops.sites import leading_call_lines, mark_lines, reachable
from outworx_otel.drops.watching import Caught, Watch, qualified_name


class Swallowed:
    """An exception that the application handled.

    Args:
        caught: what was seen of it.
        node: the function that handled it, if the handler can reach that.
        leading: the ids of all code that leads to a mark.
    """

    def __init__(self, caught: Caught, node: Node | None, leading: frozenset[int]) -> None:
        self.caught = caught
        self.line, self.guard, self.clause = caught_by(caught.code, caught.offset, caught.kind)
        self.skipped_mark = any(code in leading for code in caught.passed) or (
            node is not None and self._jumped_over_mark(node)
        )

    def finding(self) -> Finding:
        """What is to be said of it."""
        caught, kind = self.caught, self.caught.kind
        name = (
            kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
        )
        code, line = caught.raised
        raised = f"raised at {absolute(code.co_filename)}:{line} in {qualified_name(code)}"
        return Finding(
            "swallowed_exception",
            absolute(caught.code.co_filename),
            self.line,
            qualified_name(caught.code),
            name,
            raised,
        )

    def _jumped_over_mark(self, node: Node) -> bool:
        marks = (*mark_lines(node), *leading_call_lines(node))
        return self.guard is not None and any(
            max(first, self.caught.line) <= line <= last
            for line in marks
            for first, last in self.guard.guarded
        )

    def explains(self, left: Left) -> bool:
        """Whether the way out of `left` was this exception's doing."""
        if self.skipped_mark:
            return True
        if not left.early:
            # Where there is no mark at all, that is the reason.
            return left.node.leads
        inside = self.clause is not None and self.clause.body[0] <= left.line <= self.clause.body[1]
        return left.node.code is self.caught.code and inside


def most_telling(watch: Watch) -> Swallowed | None:
    """The last exception that skipped the mark, else the last one."""
    nodes = {id(node.code): node for node in reachable(watch.roots)}
    leading = frozenset(key for key, node in nodes.items() if node.leads)
    seen = [Swallowed(caught, nodes.get(id(caught.code)), leading) for caught in reversed(watch.caught or ())]
    return next((swallowed for swallowed in seen if swallowed.skipped_mark), seen[0] if seen else None)
