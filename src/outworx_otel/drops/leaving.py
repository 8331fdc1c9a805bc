"""The `return` that an unmarked answer came from."""

from __future__ import annotations

from typing import Final

from outworx_otel.drops.finding import Finding, absolute
from outworx_otel.drops.graph import Node
from outworx_otel.drops.layout import returned_line
from outworx_otel.drops.sites import call_lines, mark_lines
from outworx_otel.drops.watching import Watch, qualified_name

_MAX_DEPTH: Final = 64


class Left:
    """The function that a delivery was left by without its mark, and the line of its `return`."""

    def __init__(self, node: Node, line: int, watch: Watch) -> None:
        self.node = node
        self.line = line
        returns = watch.returns or {}
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
        """Whether a mark, or a call that leads to one, stands further down."""
        return self.below is not None or bool(self.calls_below)

    @classmethod
    def find(cls, watch: Watch) -> Left | None:
        """Begins at the handler, and goes into what it called as long as the mark was to be made there."""
        returns = dict(watch.returns or {})
        roots = {id(root.code): root for root in watch.roots}
        # The outermost returns last.
        node = next((roots[key] for key in reversed(returns) if key in roots), None)
        if node is None:
            return None
        order = {key: position for position, key in enumerate(returns)}
        seen = {node}
        for _ in range(_MAX_DEPTH):
            left = cls(node, returned_line(node.code, returns[id(node.code)]), watch)
            called = [
                callee for callee in list(node.calls) if id(callee.code) in order and callee not in seen
            ]
            strong = [callee for callee in called if callee.strong]
            weak = [] if left.early else [callee for callee in called if callee.leads]
            inner = max(strong or weak, key=lambda callee: order[id(callee.code)], default=None)
            if inner is None:
                break
            seen.add(inner)
            node = inner
        return left


def early_return(left: Left, roots: tuple[Node, ...]) -> Finding:
    """What is to be said of it."""
    code = left.node.code
    place = (absolute(code.co_filename), left.line, qualified_name(code))
    if not any(root.leads for root in roots):
        return Finding(
            "never_marked",
            *place,
            detail="neither the handler nor a function it calls has a .processed(), .failed() or .ignored()",
        )
    if left.below is not None:
        detail = f"returned before the mark on line {left.below}"
    elif left.calls_below:
        line, callee = min(left.calls_below, key=lambda call: call[0])
        detail = f"returned before {callee.code.co_name} on line {line}, which leads to a mark"
    else:
        lines = ", ".join(str(line) for line in mark_lines(left.node))
        detail = f"returned without passing the mark on line {lines}" if lines else "returned without a mark"
    return Finding("early_return", *place, detail=detail)
