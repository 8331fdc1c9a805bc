"""Finds the `return` that an unmarked answer came from."""

from __future__ import annotations

from typing import Final

from outworx_otel.drops.call_sites import call_lines, mark_lines
from outworx_otel.drops.finding import Finding, absolute
from outworx_otel.drops.graph import Node
from outworx_otel.drops.layout import returned_line
from outworx_otel.drops.observations import Observations, qualified_name

_MAX_DEPTH: Final = 64


class ExitPoint:
    """The function that returned without the mark, and the line of its `return`."""

    def __init__(self, node: Node, line: int, observations: Observations) -> None:
        self.node = node
        self.line = line
        returns = observations.returns or {}
        self.below = min((at for at in mark_lines(node) if at > line), default=None)
        self.calls_below = [
            (at, callee)
            for callee in list(node.calls)
            if callee.leads and id(callee.code) not in returns
            for at in call_lines(node, callee)
            if at > line
        ]

    @property
    def early(self) -> bool:
        """Returns whether a mark, or a call that leads to one, stands further down."""
        return self.below is not None or bool(self.calls_below)

    @classmethod
    def find(cls, observations: Observations) -> ExitPoint | None:
        """Starts at the handler and follows the calls that should have led to the mark.

        Returns None if no return of the handler was seen."""
        returns = dict(observations.returns or {})
        roots = {id(root.code): root for root in observations.roots}
        # The outermost returns last.
        node = next((roots[key] for key in reversed(returns) if key in roots), None)
        if node is None:
            return None
        order = {key: position for position, key in enumerate(returns)}
        seen = {node}
        for _ in range(_MAX_DEPTH):
            exit_point = cls(node, returned_line(node.code, returns[id(node.code)]), observations)
            called = [
                callee for callee in list(node.calls) if id(callee.code) in order and callee not in seen
            ]
            strong = [callee for callee in called if callee.strong]
            weak = [] if exit_point.early else [callee for callee in called if callee.leads]
            inner = max(strong or weak, key=lambda callee: order[id(callee.code)], default=None)
            if inner is None:
                break
            seen.add(inner)
            node = inner
        return exit_point


def early_return(exit_point: ExitPoint, roots: tuple[Node, ...]) -> Finding:
    """Returns the finding for an exit point."""
    code = exit_point.node.code
    place = (absolute(code.co_filename), exit_point.line, qualified_name(code))
    if not any(root.leads for root in roots):
        return Finding(
            "never_marked",
            *place,
            detail="neither the handler nor a function it calls has a .processed(), .failed() or .ignored()",
        )
    if exit_point.below is not None:
        detail = f"returned before the mark on line {exit_point.below}"
    elif exit_point.calls_below:
        line, callee = min(exit_point.calls_below, key=lambda call: call[0])
        detail = f"returned before {callee.code.co_name} on line {line}, which leads to a mark"
    else:
        lines = ", ".join(str(line) for line in mark_lines(exit_point.node))
        detail = f"returned without passing the mark on line {lines}" if lines else "returned without a mark"
    return Finding("early_return", *place, detail=detail)
