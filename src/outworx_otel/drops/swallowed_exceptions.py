"""Finds the handled exception that kept a delivery from its mark."""

from __future__ import annotations

from outworx_otel.drops.call_sites import leading_call_lines, mark_lines, reachable
from outworx_otel.drops.exit_points import ExitPoint
from outworx_otel.drops.finding import Finding, absolute
from outworx_otel.drops.graph import Node
from outworx_otel.drops.layout import caught_by
from outworx_otel.drops.observations import CaughtException, Observations, qualified_name


class SwallowedException:
    """An exception that the application handled.

    Args:
        caught: what was seen of it.
        node: the function that handled it, if the handler can reach that.
        leading: the ids of all code that leads to a mark.
    """

    def __init__(self, caught: CaughtException, node: Node | None, leading: frozenset[int]) -> None:
        self.caught = caught
        self.line, self.guard, self.clause = caught_by(caught.code, caught.offset, caught.kind)
        self.skipped_mark = any(code in leading for code in caught.passed) or (
            node is not None and self._jumped_over_mark(node)
        )

    def finding(self) -> Finding:
        """Returns the finding for this exception."""
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

    def explains(self, exit_point: ExitPoint) -> bool:
        """Returns whether this exception caused the exit."""
        if self.skipped_mark:
            return True
        if not exit_point.early:
            # Where there is no mark at all, that is the reason.
            return exit_point.node.leads
        inside = self.clause is not None and self.clause.body[0] <= exit_point.line <= self.clause.body[1]
        return exit_point.node.code is self.caught.code and inside


def most_telling_exception(observations: Observations) -> SwallowedException | None:
    """Returns the last exception that skipped the mark, else the last one; None if there was none."""
    nodes = {id(node.code): node for node in reachable(observations.roots)}
    leading = frozenset(key for key, node in nodes.items() if node.leads)
    caught = reversed(observations.caught or ())
    seen = [SwallowedException(one, nodes.get(id(one.code)), leading) for one in caught]
    return next((swallowed for swallowed in seen if swallowed.skipped_mark), seen[0] if seen else None)
