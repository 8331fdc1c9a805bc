"""What was seen of a delivery, put in order: the most telling reason first.

A coroutine that nobody awaited is always a mistake. An exception comes before the `return` where it skipped the
mark, where its handling is what returned, or where the function ran to its end; else an early `return` speaks
for itself, and an exception handled on the way may well be harmless.
"""

from __future__ import annotations

from outworx_otel.drops.finding import Finding, absolute
from outworx_otel.drops.leaving import Left, early_return
from outworx_otel.drops.sites import reachable, seen_calls, written_calls
from outworx_otel.drops.swallowing import most_telling
from outworx_otel.drops.watching import Unawaited, Watch, qualified_name


def findings(watch: Watch) -> tuple[Finding, ...]:
    """The reasons for a silent drop."""
    found = _missing_awaits(watch)
    swallowed = most_telling(watch)
    left = Left.find(watch)
    if left is None:
        return (*found, swallowed.finding()) if swallowed is not None else tuple(found)
    returned = [early_return(left, watch.roots)]
    if not left.early and (found or (swallowed is not None and swallowed.skipped_mark)):
        # That a function ran to its end says nothing more where the reason is certain.
        returned = []
    exceptions = [] if swallowed is None else [swallowed.finding()]
    if swallowed is not None and swallowed.explains(left):
        return (*found, *exceptions, *returned)
    return (*found, *returned, *exceptions)


def _missing_awaits(watch: Watch) -> list[Finding]:
    found = []
    for lost in watch.unawaited or ():
        place = lost.place if lost.certain else _made_at(lost, watch) or lost.place
        if place is not None:
            file, line, function = place
            said = f"coroutine '{lost.name}' was never awaited"
            found.append(Finding("missing_await", absolute(file), line, function, detail=said))
    return found


def _made_at(lost: Unawaited, watch: Watch) -> tuple[str, int, str] | None:
    """Where a coroutine was made that was kept for a while: a call of its function that is not awaited."""
    returns = watch.returns or {}
    # What has returned in this delivery has certainly run in it.
    nodes = sorted(reachable(watch.roots), key=lambda node: id(node.code) not in returns)
    for calls in (seen_calls, written_calls):
        for node in nodes:
            for line in calls(node, lost.code):
                return node.code.co_filename, line, qualified_name(node.code)
    return None
