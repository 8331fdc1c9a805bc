"""Everything that an overview tells of a time, in one statement: the table's attributes are read once for it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, Final

from outworx_otel.server.collected.columns import (
    AT,
    FIELDS,
    HANDLES,
    IS_VERIFIED,
    KIND,
    ROUTE,
    SIGNATURE_KIND,
    TIME,
    UNVERIFIED,
    WORK,
)
from outworx_otel.server.collected.counted import Counted, EndpointSums, counted_of, key_of
from outworx_otel.server.model import EventCounts
from outworx_otel.server.problems.judging import EndpointKey

_KEY: Final = ", ".join((FIELDS["service"], FIELDS["environment"], FIELDS["provider"], ROUTE))
_BEFORE: Final = -1
"""The slot of all that came before the time in question."""

# An event counts once; that of a delivery without an id is its own.
_EVENT: Final = (
    f"sipHash64({FIELDS['service']}, {FIELDS['environment']}, {FIELDS['provider']},"
    f" if({FIELDS['event_id']} = '', concat(TraceId, SpanId), {FIELDS['event_id']}))"
)
_OF_EACH: Final = {
    "at": TIME,
    "reason": FIELDS["reason"],
    "cause": FIELDS["cause"],
    "verified": IS_VERIFIED,
    "not_verified": UNVERIFIED,
    "kind_of_signature": SIGNATURE_KIND,
    "event": _EVENT,
}
_IN_COMMON: Final = (
    *("slot", WORK, KIND, FIELDS["outcome"], "reason", "cause"),
    FIELDS["idempotency"],
)
_IS_NOW: Final = f"slot != {_BEFORE}"
_SUMS: Final = {
    "number": "count()",
    "last_at": f"max({AT})",
    "verified_at": "maxIf(at, verified)",
    "unverified": "countIf(not_verified)",
    "unverified_at": "maxIf(at, not_verified)",
    "proved_by": "argMaxIf(kind_of_signature, at, verified)",
}
_LISTS: Final = {
    "durations": f"quantilesStateIf(0.5, 0.95)(Duration, NOT {WORK} AND {_IS_NOW})",
    "bad": f"groupArrayIf({AT}, {KIND} = 'bad' AND {_IS_NOW})",
    "handled": f"groupArrayIf(event, {HANDLES} AND {KIND} != 'nothing' AND {_IS_NOW})",
    "failed": f"groupArrayIf(event, {KIND} = 'bad' AND {_IS_NOW})",
    "ran": f"groupArrayIf(event, {KIND} IN ('good', 'unprotected') AND {_IS_NOW})",
}
_COUNTED: Final = (*_IN_COMMON, *_SUMS)
_GROUPS: Final = ", ".join(
    (f"SELECT {_KEY}", *_IN_COMMON, *(f"{sql} AS {name}" for name, sql in (_SUMS | _LISTS).items()))
)
_ENDPOINTS: Final = (
    f"SELECT {_KEY}, groupArray(({', '.join(_COUNTED)})) AS counted,"
    " quantilesMergeState(0.5, 0.95)(durations) AS times,"
    f" maxIf(last_at, {KIND} = 'good' AND {_IS_NOW}) AS last_good,"
    " arrayFilter(at -> at > last_good, groupArrayArray(bad)) AS streak,"
    " groupArrayArray(handled) AS all_handled, groupArrayArray(failed) AS all_failed, groupArrayArray(ran) AS all_ran"
)
_ALL: Final = (
    f"SELECT groupArray(({_KEY}, counted, finalizeAggregation(times), length(streak), arrayMin(streak))),"
    " quantilesMerge(0.5, 0.95)(times), uniqExactArray(all_handled),"
    " uniqExactArray(arrayConcat(all_handled, all_failed)),"
    " arrayCount(nth -> nth = 2, arrayEnumerateUniq(groupArrayArray(all_ran)))"
)


def each_of(step: int) -> str:
    """What is summed up of a delivery, or of the end of deferred work, as SELECT.

    Args:
        step: nanoseconds of a slot; the time in question begins at the parameter `begins`.
    """
    # Each is named once, and only then used: the engine would resolve all that it is made of at every use.
    slot = f"if({TIME} < {{begins:Int64}}, {_BEFORE}, intDiv({TIME}, {step}) * {step}) AS slot"
    named = (f"{sql} AS {name}" for name, sql in _OF_EACH.items())
    plain = FIELDS["outcome"], FIELDS["idempotency"], WORK, KIND, AT, "Duration"
    return f"SELECT {', '.join((_KEY, slot, *plain, *named))}"


def summed(rows: str) -> str:
    """The statement that sums up what `each_of` selects: one row, which `Sums` reads."""
    groups = f"{_GROUPS} FROM ({rows}) GROUP BY {', '.join((_KEY, *_IN_COMMON))}"
    return f"{_ALL} FROM ({_ENDPOINTS} FROM ({groups}) GROUP BY {_KEY})"


class Sums:
    """What was summed up of a time.

    Args:
        row: of `summed`.
    """

    def __init__(self, row: Sequence[Any]) -> None:
        endpoints, durations, handled, with_failed, repeated = row
        self.counted: list[Counted] = []
        self.endpoints: defaultdict[EndpointKey, EndpointSums] = defaultdict(EndpointSums)
        for endpoint in endpoints:
            self._add(endpoint)
        self.durations = _durations(durations)
        self.events = EventCounts(int(handled), int(with_failed) - int(handled), int(repeated))

    def _add(self, endpoint: Sequence[Any]) -> None:
        key = key_of(endpoint)
        of_it, (counted, durations, streak, since) = self.endpoints[key], endpoint[4:]
        for row in counted:
            one = counted_of(key, row)
            if one.slot == _BEFORE:
                of_it.add_before(one)
                continue
            of_it.add(one)
            self.counted.append(one)
        of_it.p50_ns, of_it.p95_ns = _durations(durations)
        of_it.streak, of_it.streak_ns = int(streak), int(since) if streak else 0


def _durations(found: Sequence[float]) -> tuple[int | None, int | None]:
    """The median and the 95th percentile; None where there is none."""
    median, high = (None if math.isnan(one) else int(one) for one in found)
    return median, high
