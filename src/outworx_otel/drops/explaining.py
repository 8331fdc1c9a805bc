"""Explains a silent drop from what was seen of the delivery: the reasons, the most telling first.

A coroutine that nobody awaited is always a mistake and comes first. A handled exception comes before the `return`
where it skipped the mark, where its handler returned, or where the function ran to its end. Otherwise the early
`return` comes first, because an exception handled on the way may be harmless.
"""

from __future__ import annotations

from outworx_otel.drops.call_sites import reachable, seen_calls, written_calls
from outworx_otel.drops.exit_points import ExitPoint, early_return
from outworx_otel.drops.finding import Finding, absolute
from outworx_otel.drops.observations import Observations, UnawaitedCoroutine, qualified_name
from outworx_otel.drops.swallowed_exceptions import most_telling_exception


def findings(observations: Observations) -> tuple[Finding, ...]:
    """Returns the reasons for a silent drop."""
    found = _missing_awaits(observations)
    swallowed = most_telling_exception(observations)
    exit_point = ExitPoint.find(observations)
    if exit_point is None:
        return (*found, swallowed.finding()) if swallowed is not None else tuple(found)
    returned = [early_return(exit_point, observations.roots)]
    if not exit_point.early and (found or (swallowed is not None and swallowed.skipped_mark)):
        # The reason is certain: that the function ran to its end adds nothing.
        returned = []
    exceptions = [] if swallowed is None else [swallowed.finding()]
    if swallowed is not None and swallowed.explains(exit_point):
        return (*found, *exceptions, *returned)
    return (*found, *returned, *exceptions)


def _missing_awaits(observations: Observations) -> list[Finding]:
    found = []
    for lost in observations.unawaited or ():
        place = lost.place if lost.certain else _made_at(lost, observations) or lost.place
        if place is not None:
            file, line, function = place
            said = f"coroutine '{lost.name}' was never awaited"
            found.append(Finding("missing_await", absolute(file), line, function, detail=said))
    return found


def _made_at(lost: UnawaitedCoroutine, observations: Observations) -> tuple[str, int, str] | None:
    """Returns where a coroutine was made: a call of its function that is not awaited. None if there is none."""
    returns = observations.returns or {}
    # First the functions that have run in this delivery.
    nodes = sorted(reachable(observations.roots), key=lambda node: id(node.code) not in returns)
    for calls in (seen_calls, written_calls):
        for node in nodes:
            for line in calls(node, lost.code):
                return node.code.co_filename, line, qualified_name(node.code)
    return None
