"""Counts the deliveries of a time for the overview, at each question: the table keeps no figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final, cast

import msgspec

from outworx_otel.server.collected.columns import (
    DURING,
    FIELDS,
    IS_DELIVERY,
    IS_EITHER,
    Condition,
    condition_of,
)
from outworx_otel.server.collected.counted import DUPLICATES, Counted, slot_of, sum_of, sums_of
from outworx_otel.server.collected.rows import text_of
from outworx_otel.server.collected.sums import Sums, each_of, summed
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.model import Choices, Filter, Overview
from outworx_otel.server.problems.state import EndpointsOverview
from outworx_otel.telemetry.outcomes import Outcome

MAX_ENDPOINTS: Final = 500
_SECOND: Final = 10**9
# A time is counted as a whole, and what was counted is shown again.
_SECONDS: Final = 20
_FINEST: Final = 300 * _SECOND
_MAX_SLOTS: Final = 73
_STEPS: Final = (300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
_CHOICES: Final = {
    "providers": "provider",
    "event_types": "event_type",
    "routes": "route",
    "reasons": "reason",
    "causes": "cause",
    "services": "service",
    "environments": "environment",
}
_MOST_CHOICES: Final = 200
_MOST_GROUPS: Final = 20_000


class TableFigures:
    """Figures of a time.

    Args:
        table: whose rows are counted.
    """

    def __init__(self, table: SpanTable) -> None:
        self._table = table

    def overview(self, since_ns: int, until_ns: int, wanted: Filter) -> Overview:
        """See `Store.overview`; what lies before the first span of the table is left out."""
        since, until = self._whole(since_ns, until_ns)
        step = step_of((until - since) // _SECOND) * _SECOND
        narrowed = {name: getattr(wanted, name) for name in ("service", "environment", "provider", "route")}
        wanted = msgspec.convert(narrowed, Filter)
        sums = self._sums(since, until, step, wanted, before=True)
        counted, endpoints = sums.counted, sums.endpoints
        slots: defaultdict[int, list[Counted]] = defaultdict(list)
        for one in counted:
            slots[one.slot].append(one)
        shown = sorted(
            (one.figures(key) for key, one in endpoints.items() if one.last_ns or (key.route and one.total)),
            key=lambda figures: (not figures.streak, -figures.total, -figures.last_ns),
        )
        duplicates = sums_of(counted, "idempotency")
        return Overview(
            since=since,
            until=until,
            step_ns=step,
            slots=[slot_of(begins, slots[begins]) for begins in range(since // step * step, until, step)],
            total=sum(one.total for one in endpoints.values()),
            outcomes=cast(dict[Outcome, int], sums_of(counted, "outcome")),
            tally=sum_of(one.tally for one in endpoints.values()),
            before=sum_of(one.before for one in endpoints.values()),
            p50_ns=sums.durations[0],
            p95_ns=sums.durations[1],
            reasons=sums_of(counted, "reason"),
            causes=sums_of(counted, "cause"),
            duplicates={name: duplicates[name] for name in DUPLICATES if name in duplicates},
            endpoints=shown[:MAX_ENDPOINTS],
            events=sums.events,
            repeats=[],
            clocks=[],
            counted=0,
        )

    def endpoints(self, since_ns: int, until_ns: int, service: str | None) -> EndpointsOverview:
        """See `Store.endpoints`."""
        since, until = self._whole(since_ns, until_ns)
        sums = self._sums(since, until, _FINEST, Filter(service=service))
        seen = [(key, one) for key, one in sums.endpoints.items() if one.last_ns]
        shown = [one.state(number, key) for number, (key, one) in enumerate(seen, 1)]
        shown.sort(key=lambda one: (-one.deliveries, -one.last_seen_ns))
        return EndpointsOverview(since, until, shown, [], sums.events)

    def choices(self, since_ns: int, until_ns: int) -> Choices:
        """What filters can be set to, out of the deliveries of a time."""
        columns = [FIELDS[name] for name in _CHOICES.values()]
        rows = self._table.rows(
            f"SELECT {', '.join(columns)}, count()",
            Condition(IS_DELIVERY, DURING, since=since_ns, until=until_ns),
            f"GROUP BY {', '.join(columns)} ORDER BY count() DESC LIMIT {_MOST_GROUPS}",
            _SECONDS,
        )
        counts: dict[str, Counter[str]] = {name: Counter() for name in _CHOICES}
        for row in rows:
            for name, value in zip(_CHOICES, row[:-1], strict=True):
                if value:
                    counts[name][text_of(value)] += int(row[-1])
        return Choices(
            **{name: [one for one, _ in each.most_common(_MOST_CHOICES)] for name, each in counts.items()}
        )

    def _whole(self, since_ns: int, until_ns: int) -> tuple[int, int]:
        """The time in whole slots, narrowed to that in which there is anything."""
        first, last = self._table.ends()
        until = -(-min(until_ns, max(last, since_ns) + 1) // _FINEST) * _FINEST
        return min(max(since_ns, first), until) // _FINEST * _FINEST, until

    def _sums(self, since: int, until: int, step: int, wanted: Filter, *, before: bool = False) -> Sums:
        """What a time is made of, read once.

        Args:
            before: with as long a time before it.
        """
        first = since - (until - since) if before else since
        condition = condition_of(wanted, IS_EITHER).also(DURING, since=first, until=until, begins=since)
        return Sums(self._table.rows(each_of(step), condition, "", _SECONDS, summed)[0])


def step_of(seconds: int) -> int:
    """How many seconds each bar of a chart of so many has."""
    fitting = (step for step in _STEPS if seconds <= step * (_MAX_SLOTS - 1))
    longest = -(-seconds // (_STEPS[-1] * (_MAX_SLOTS - 1))) * _STEPS[-1]
    return next(fitting, longest)
