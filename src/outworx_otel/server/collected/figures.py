"""Counts the deliveries of a time for the overview, at each question: the table keeps no figures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from outworx_otel.server.collected.columns import (
    AT,
    DURING,
    FIELDS,
    HANDLES,
    IS_DELIVERY,
    IS_EITHER,
    IS_VERIFIED,
    KIND,
    NUMBER,
    ROUTE,
    SIGNATURE_KIND,
    TIME,
    UNVERIFIED,
    WORK,
    Condition,
    condition_of,
)
from outworx_otel.server.collected.counted import (
    DUPLICATES,
    Counted,
    EndpointSums,
    counted_of,
    key_of,
    slot_of,
    sum_of,
    sums_of,
)
from outworx_otel.server.collected.rows import text_of
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.model import Choices, EventCounts, Filter, Overview
from outworx_otel.server.problems.judging import EndpointKey
from outworx_otel.server.problems.state import EndpointsOverview
from outworx_otel.telemetry.outcomes import Outcome

MAX_ENDPOINTS: Final = 500
_SECOND: Final = 10**9
# A time is counted as a whole, and what was counted is shown again.
_SECONDS: Final = 20
_FINEST: Final = 300 * _SECOND
_MAX_SLOTS: Final = 73
_STEPS: Final = (300, 900, 3600, 6 * 3600, 86_400, 7 * 86_400, 28 * 86_400)
_OF_A_KEY: Final = (FIELDS["service"], FIELDS["environment"], FIELDS["provider"], ROUTE)
_KEY: Final = ", ".join(_OF_A_KEY)
_KEY_AS_TEXT: Final = f"concat({', char(0), '.join(_OF_A_KEY)})"
_COUNTS: Final = (
    f"count(), max({AT}), maxIf({TIME}, {IS_VERIFIED}), countIf({UNVERIFIED}), maxIf({TIME}, {UNVERIFIED}),"
    f" argMaxIf({SIGNATURE_KIND}, {TIME}, {IS_VERIFIED})"
)
_NEVER: Final = "toInt64(9223372036854775807)"
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
        counted = self._counted(since, until, step, wanted)
        endpoints = self._endpoints(counted, since, until)
        self._add_before(endpoints, since - (until - since), since, wanted)
        times = self._times(endpoints, since, until, wanted)
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
            p50_ns=times[0],
            p95_ns=times[1],
            reasons=sums_of(counted, "reason"),
            causes=sums_of(counted, "cause"),
            duplicates={name: duplicates[name] for name in DUPLICATES if name in duplicates},
            endpoints=shown[:MAX_ENDPOINTS],
            events=self._events(since, until, wanted),
            repeats=[],
            clocks=[],
            counted=0,
        )

    def endpoints(self, since_ns: int, until_ns: int, service: str | None) -> EndpointsOverview:
        """See `Store.endpoints`."""
        since, until = self._whole(since_ns, until_ns)
        wanted = Filter(service=service)
        endpoints = self._endpoints(self._counted(since, until, _FINEST, wanted), since, until)
        seen = [(key, one) for key, one in endpoints.items() if one.last_ns]
        shown = [one.state(number, key) for number, (key, one) in enumerate(seen, 1)]
        shown.sort(key=lambda one: (-one.deliveries, -one.last_seen_ns))
        return EndpointsOverview(since, until, shown, [], self._events(since, until, wanted))

    def choices(self, since_ns: int, until_ns: int) -> Choices:
        """What filters can be set to, out of the deliveries of a time."""
        columns = [FIELDS[name] for name in _CHOICES.values()]
        rows = self._rows(
            f"SELECT {', '.join(columns)}, count()",
            Condition(IS_DELIVERY, DURING, since=since_ns, until=until_ns),
            f"GROUP BY {', '.join(columns)} ORDER BY count() DESC LIMIT {_MOST_GROUPS}",
        )
        counts: dict[str, Counter[str]] = {name: Counter() for name in _CHOICES}
        for row in rows:
            for name, value in zip(_CHOICES, row[:-1], strict=True):
                if value:
                    counts[name][text_of(value)] += int(row[-1])
        return Choices(
            **{name: [one for one, _ in each.most_common(_MOST_CHOICES)] for name, each in counts.items()}
        )

    def _rows(self, select: str, condition: Condition, more: str) -> Sequence[Sequence[Any]]:
        return self._table.rows(select, condition, more, _SECONDS)

    def _whole(self, since_ns: int, until_ns: int) -> tuple[int, int]:
        """The time in whole slots, narrowed to that in which there is anything."""
        first, last = self._table.ends()
        until = -(-min(until_ns, max(last, since_ns) + 1) // _FINEST) * _FINEST
        return min(max(since_ns, first), until) // _FINEST * _FINEST, until

    def _counted(self, since: int, until: int, step: int, wanted: Filter) -> list[Counted]:
        fields = ", ".join(FIELDS[name] for name in ("outcome", "reason", "cause", "idempotency"))
        keys = f"{_KEY}, intDiv({TIME}, {step}) * {step}, {WORK}, {KIND}, {fields}"
        condition = condition_of(wanted, IS_EITHER).also(DURING, since=since, until=until)
        rows = self._rows(f"SELECT {keys}, {_COUNTS}", condition, f"GROUP BY {keys}")
        return [counted_of(row) for row in rows]

    def _endpoints(
        self, counted: Sequence[Counted], since: int, until: int
    ) -> defaultdict[EndpointKey, EndpointSums]:
        found: defaultdict[EndpointKey, EndpointSums] = defaultdict(EndpointSums)
        for one in counted:
            found[one.key].add(one)
        self._find_streaks(found, since, until)
        return found

    def _add_before(
        self, endpoints: defaultdict[EndpointKey, EndpointSums], since: int, until: int, wanted: Filter
    ) -> None:
        first, _ = self._table.ends()
        if until > first:
            for one in self._counted(since, until, max(until - since, 1), wanted):
                endpoints[one.key].add_before(one)

    def _times(
        self, endpoints: Mapping[EndpointKey, EndpointSums], since: int, until: int, wanted: Filter
    ) -> tuple[int | None, int | None]:
        """The median and the 95th percentile of how long deliveries took: of each endpoint, and of all."""
        condition = condition_of(wanted).also(DURING, since=since, until=until)
        columns = "toInt64(quantile(0.5)(Duration)), toInt64(quantile(0.95)(Duration))"
        for row in self._rows(f"SELECT {_KEY}, {columns}", condition, f"GROUP BY {_KEY}"):
            if (one := endpoints.get(key_of(row))) is not None:
                one.p50_ns, one.p95_ns = row[4], row[5]
        rows = self._rows(f"SELECT {columns}", condition, "HAVING count() > 0")
        return (rows[0][0], rows[0][1]) if rows else (None, None)

    def _find_streaks(self, endpoints: Mapping[EndpointKey, EndpointSums], since: int, until: int) -> None:
        """How many failed since the last good one, where the last one failed."""
        failing = {key: one for key, one in endpoints.items() if one.bad_ns > one.good_ns}
        if not failing:
            return
        last_good = f"transform({_KEY_AS_TEXT}, {{keys:Array(String)}}, {{goods:Array(Int64)}}, {_NEVER})"
        condition = Condition(
            IS_EITHER,
            DURING,
            f"{KIND} = 'bad'",
            f"{AT} > {last_good}",
            since=since,
            until=until,
            keys=["\0".join(key) for key in failing],
            goods=[one.good_ns for one in failing.values()],
        )
        rows = self._rows(f"SELECT {_KEY}, count(), min({AT})", condition, f"GROUP BY {_KEY}")
        for row in rows:
            if (endpoint := failing.get(key_of(row))) is not None:
                endpoint.streak, endpoint.streak_ns = int(row[4]), int(row[5])

    def _events(self, since: int, until: int, wanted: Filter) -> EventCounts:
        """Each event counts once; that of a delivery without an id is its own."""
        condition = condition_of(wanted, IS_EITHER).also(DURING, since=since, until=until)
        condition = condition.also(f"{KIND} != 'nothing'")
        event = f"if({FIELDS['event_id']} = '', toString({NUMBER}), {FIELDS['event_id']})"
        of = f"{FIELDS['service']}, {FIELDS['environment']}, {FIELDS['provider']}, {event}"
        each = (
            f"SELECT max({HANDLES}) AS handled, max({KIND} = 'bad') AS failed,"
            f" countIf({KIND} IN ('good', 'unprotected')) AS runs"
        )
        sums = "SELECT countIf(handled), countIf(failed AND NOT handled), countIf(runs > 1)"
        [(handled, unhandled, repeated)] = self._table.rows_of(
            sums, each, condition, f"GROUP BY {of}", _SECONDS
        )
        return EventCounts(int(handled), int(unhandled), int(repeated))


def step_of(seconds: int) -> int:
    """How many seconds each bar of a chart of so many has."""
    fitting = (step for step in _STEPS if seconds <= step * (_MAX_SLOTS - 1))
    longest = -(-seconds // (_STEPS[-1] * (_MAX_SLOTS - 1))) * _STEPS[-1]
    return next(fitting, longest)
