"""Figures out of the rollups, beside the same counted in memory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update

from outworx_otel.server.model import Batch, Count, Filter, StoredDelivery
from outworx_otel.server.store import Store, slot_sums
from outworx_otel.server.store.duration_counts import DurationCounts
from outworx_otel.server.store.endpoint_states import cover
from outworx_otel.server.store.figures import bucket_of, duration_of
from outworx_otel.server.store.schema import LEVELS, events
from server.store.conftest import OpenStore
from server.store.samples import DAY, NOW, SECOND, batch, deliveries, one

HOUR = 3600 * SECOND
_BAD = {"failed", "silent_drop", "error"}


def within(written: list[StoredDelivery], since: int, until: int) -> list[StoredDelivery]:
    return [one for one in written if since <= one.time_ns < until]


def percentile(written: list[StoredDelivery], part: float) -> int:
    return sorted(one.duration_ns for one in written)[math.ceil(len(written) * part) - 1]


def test_what_no_handler_had_is_counted_and_has_no_part_in_the_success_rate(store: Store) -> None:
    outcomes = ("accepted", "unprotected", "error", "unrouted", "redirected", "turned_away", "handshake")
    written = [
        one(id=f"{n:032}", time_ns=NOW - n * SECOND, outcome=told) for n, told in enumerate(outcomes, 1)
    ]
    store.write(batch(*written)).result(30)
    figures = store.overview(NOW - HOUR, NOW + 1, Filter())
    assert figures.outcomes == dict.fromkeys(outcomes, 1)
    assert figures.tally.good == 2
    # What never reached a handler, though its sender is proved, is a failure; a handshake is nothing.
    assert figures.tally.bad == 4
    assert figures.tally.unprotected == 1


@pytest.mark.parametrize("hours", [6, 72, 24 * 30])
def test_an_overview_counts_what_a_list_would(store: Store, hours: int) -> None:
    written = list(deliveries(3000, since=NOW - hours * HOUR, until=NOW))
    store.write(batch(*written)).result(30)
    figures = store.overview(NOW - hours * HOUR // 2, NOW + 1, Filter())
    there = within(written, figures.since, figures.until)
    assert figures.since <= NOW - hours * HOUR // 2
    assert NOW - hours * HOUR // 2 - figures.since < HOUR
    assert figures.total == len(there)
    assert figures.outcomes == Counter(one.outcome for one in there)
    assert figures.reasons == Counter(one.reason for one in there if one.reason)
    assert figures.causes == Counter(one.cause for one in there if one.cause)
    assert figures.duplicates == Counter(
        one.idempotency for one in there if one.idempotency in ("replayed", "in_flight")
    )
    # Of two hours of 3000 and of a month of 3000 alike: duplicates and what no signature proved do not count.
    assert figures.tally.good == figures.outcomes["accepted"]
    assert figures.tally.bad == sum(one.outcome in _BAD for one in there)
    before = within(written, 2 * figures.since - figures.until, figures.since)
    assert figures.before.good == pytest.approx(sum(one.outcome == "accepted" for one in before), rel=0.1)
    assert figures.p50_ns == pytest.approx(percentile(there, 0.5), rel=0.1)
    assert figures.p95_ns == pytest.approx(percentile(there, 0.95), rel=0.1)
    for slot in figures.slots:
        inside = within(there, slot.time_ns, slot.time_ns + figures.step_ns)
        assert slot.outcomes == Counter(one.outcome for one in inside)
    assert sum(sum(slot.outcomes.values()) for slot in figures.slots) == figures.total
    assert len(figures.slots) <= 73
    assert {
        later.time_ns - slot.time_ns for slot, later in zip(figures.slots, figures.slots[1:], strict=False)
    } <= {figures.step_ns}


def test_each_endpoint_has_its_own(store: Store) -> None:
    written = list(deliveries(2000))
    store.write(batch(*written)).result(30)
    figures = store.overview(NOW - DAY, NOW + 1, Filter())
    by_route = {endpoint.route: endpoint for endpoint in figures.endpoints}
    assert [one.total for one in figures.endpoints] == sorted(
        (one.total for one in figures.endpoints), reverse=True
    )
    for route in {delivery.route for delivery in written}:
        there = [delivery for delivery in written if delivery.route == route]
        endpoint = by_route[route]
        assert endpoint.total == len(there)
        assert endpoint.signature_failures == sum(one.reason is not None for one in there)
        assert endpoint.silent_drops == sum(one.outcome == "silent_drop" for one in there)
        assert endpoint.duplicates == sum(one.idempotency in ("replayed", "in_flight") for one in there)
        assert endpoint.last_ns == max(one.time_ns for one in there)
        assert endpoint.p50_ns == pytest.approx(percentile(there, 0.5), rel=0.1)


@pytest.mark.parametrize("wanted", [{"provider": "stripe"}, {"route": "/webhooks/erp"}, {"service": "bot"}])
def test_figures_of_one_provider_route_or_service(store: Store, wanted: dict[str, str]) -> None:
    written = list(deliveries(2000))
    store.write(batch(*written)).result(30)
    figures = store.overview(NOW - DAY, NOW + 1, Filter(**wanted))
    ((name, value),) = wanted.items()
    there = [one for one in written if getattr(one, name) == value]
    assert figures.total == len(there)
    assert figures.p95_ns == pytest.approx(percentile(there, 0.95), rel=0.1)
    assert sum(endpoint.total for endpoint in figures.endpoints) == len(there)


def test_an_endpoint_of_two_services_is_two_and_each_has_its_own_times(store: Store) -> None:
    slow = [one(id=f"s{n}", provider="p", route="/r", service="slow", duration_ns=SECOND) for n in range(10)]
    fast = [one(id=f"f{n}", provider="p", route="/r", service="fast", duration_ns=10**6) for n in range(30)]
    store.write(batch(*slow, *fast)).result(20)
    both = {
        endpoint.service: endpoint for endpoint in store.overview(NOW - HOUR, NOW + 1, Filter()).endpoints
    }
    assert (both["fast"].total, both["fast"].p50_ns) == (30, pytest.approx(10**6, rel=0.1))
    assert both["slow"].total == 10
    (endpoint,) = store.overview(NOW - HOUR, NOW + 1, Filter(service="slow")).endpoints
    assert (endpoint.total, endpoint.p50_ns) == (10, pytest.approx(SECOND, rel=0.1))


def test_an_overview_of_nothing_and_of_all_time(store: Store) -> None:
    empty = store.overview(0, NOW, Filter())
    assert (empty.total, empty.tally.rate, empty.p50_ns, empty.endpoints, empty.counted) == (
        0,
        None,
        None,
        [],
        0,
    )
    store.write(batch(*deliveries(100, since=NOW - 20 * DAY))).result(20)
    everything = store.overview(0, 2**63 - 1, Filter())
    assert everything.total == 100
    assert len(everything.slots) <= 74
    assert store.overview(NOW, 0, Filter()).total == 0
    assert store.overview(-(2**63), -1, Filter()).total == 0


def test_what_metrics_counted_is_added_up_and_a_batch_sent_again_is_not(store: Store) -> None:
    counts = [
        Count(
            time_ns=NOW - minute * 60 * SECOND,
            provider="stripe",
            outcome="rejected",
            value=7,
            reason="missing_header",
        )
        for minute in range(5)
    ]
    sent = Batch(counts=counts, deliveries=[one(provider="stripe")], size=1)
    store.write(sent).result(20)
    store.write(sent).result(20)
    store.write(
        Batch(counts=[Count(time_ns=NOW, provider="github", outcome="accepted", value=3)], size=1)
    ).result(20)
    assert store.overview(NOW - HOUR, NOW + 1, Filter()).counted == 38
    figures = store.overview(NOW - HOUR, NOW + 1, Filter(provider="stripe"))
    assert (figures.counted, figures.total) == (35, 1)
    assert "missing_header" not in store.choices().reasons


def test_choices_are_the_values_that_occur_the_most_frequent_first(store: Store) -> None:
    written = list(deliveries(2000))
    store.write(batch(*written)).result(30)
    choices = store.choices()

    def frequent(name: str) -> list[str]:
        counted = Counter(value for one in written if (value := getattr(one, name)))
        return [value for value, _ in counted.most_common()]

    for names, name in (
        (choices.providers, "provider"),
        (choices.event_types, "event_type"),
        (choices.routes, "route"),
        (choices.reasons, "reason"),
        (choices.causes, "cause"),
        (choices.services, "service"),
    ):
        assert set(names) == set(frequent(name))
        assert names[0] == frequent(name)[0]


def test_a_flood_of_event_types_does_not_grow_the_choices(store: Store) -> None:
    flood = [one(id=f"{n}", event_type=f"made.up.{n}", signature_valid=True) for n in range(1500)]
    store.write(batch(*flood)).result(30)
    assert len(store.choices().event_types) == 200
    with store._database.read() as connection:
        kept = connection.exec_driver_sql("SELECT count(*), sum(deliveries) FROM event_types").one()
    assert (kept[0], int(kept[1])) == (1001, 1500)
    # Each is found all the same.
    assert [
        delivery.id for delivery in store.deliveries(Filter(event_type="made.up.1400"), 5).deliveries
    ] == ["1400"]


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_a_time_is_covered_without_gap_or_overlap(
    since: int, length: int, finest: int, coarsest: int
) -> None:
    finest, coarsest = min(finest, coarsest), max(finest, coarsest)
    since, until = since // finest * finest, (since + length) // finest * finest
    ranges = sorted(cover(since, until, finest, coarsest), key=lambda one: one[1])
    at = since
    for level, first, last in ranges:
        assert first == at < last
        assert first % level == last % level == 0
        at = last
    assert at == max(since, until) or since >= until
    assert len(ranges) <= 5


@given(st.integers(2, 2**63 - 1))
def test_a_duration_stands_for_itself_within_five_percent(duration_ns: int) -> None:
    assert duration_of(bucket_of(duration_ns)) == pytest.approx(duration_ns, rel=0.05, abs=2)


def test_durations_that_are_none_are_counted_too(store: Store) -> None:
    store.write(batch(*(one(id=str(n), duration_ns=n) for n in (-5, 0, 1, 2**63)))).result(20)
    assert store.overview(NOW - HOUR, NOW + 1, Filter()).total == 4


def test_an_old_time_is_read_off_hours_once_the_minutes_are_gone(
    sqlite_url: str, open_store: OpenStore
) -> None:
    now = NOW / 1e9
    store = open_store(sqlite_url, clock=lambda: now)
    written = list(deliveries(500, since=NOW - DAY, until=NOW))
    store.write(batch(*written)).result(20)
    now += 5 * 86_400
    while store._retention.step(0) < 1:
        pass
    figures = store.overview(NOW - 2 * HOUR, NOW + 1, Filter())
    assert figures.step_ns == HOUR
    assert figures.total == len(within(written, figures.since, figures.until)) > 0


@given(st.lists(st.dictionaries(st.integers(0, 504), st.integers(1, 10**9), max_size=20), max_size=4))
def test_percentiles_of_durations_added_up_are_those_of_all(parts: list[dict[int, int]]) -> None:
    together = sum(map(DurationCounts.of, parts), DurationCounts())
    every = Counter[int]()
    for part in parts:
        every.update(part)
    for share, found in zip((0.05, 0.5, 0.95), together.percentiles(0.05, 0.5, 0.95), strict=True):
        reached = [
            bucket
            for bucket in sorted(every)
            if sum(number for other, number in every.items() if other <= bucket) >= every.total() * share
        ]
        assert found == (duration_of(reached[0]) if reached else None)


_TOLD: list[Callable[[Store], Any]] = [
    lambda store: store.overview(NOW - 6 * DAY, NOW, Filter(), rates=True),
    lambda store: store.overview(NOW - DAY, NOW, Filter(service="bot")),
    lambda store: store.overview(NOW - HOUR, NOW, Filter()),
    lambda store: store.endpoints(NOW - 6 * DAY, NOW),
    lambda store: store.choices(),
]


def test_what_is_remembered_of_figures_is_what_one_who_remembers_nothing_reads(
    shared_url: str, open_store: OpenStore
) -> None:
    store = open_store(shared_url)
    written = list(deliveries(1500, since=NOW - 7 * DAY, until=NOW))
    metric = Count(time_ns=NOW - 3 * DAY, provider="stripe", outcome="accepted", value=7.0, service="shop")
    late = one(id="late", time_ns=NOW - 3 * DAY, duration_ns=10**12, reason="of a kind of its own")
    told: list[Any] = []
    for more in (
        batch(*written[:1000]),
        batch(*written[1000:]),
        # Of days that are over.
        batch(late),
        Batch(counts=[metric], size=1),
    ):
        store.write(more).result(30)
        for _ in range(2):
            told.append([ask(store) for ask in _TOLD])
        assert told[-1] == told[-2] == [ask(open_store(shared_url)) for ask in _TOLD]
    assert told[1] != told[3] != told[5] != told[7]
    assert "of a kind of its own" in told[-1][0].reasons


def test_what_is_remembered_of_figures_is_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.write(batch(*deliveries(1000, since=NOW - 7 * DAY, until=NOW))).result(30)
    monkeypatch.setattr(slot_sums, "MOST_KEPT", 500)
    figures = [store.overview(NOW - 6 * DAY - n * HOUR, NOW, Filter()) for n in range(48)]
    assert store._sums._rows == sum(kept.rows for kept in store._sums._kept.values()) <= 500
    # A range in which there is nothing is kept as well.
    for n in range(200):
        store.overview(NOW - 400 * DAY - n * HOUR, NOW - 300 * DAY, Filter())
    assert len(store._sums._kept) <= 100
    monkeypatch.setattr(slot_sums, "MOST_KEPT", 0)
    assert [store.overview(NOW - 6 * DAY - n * HOUR, NOW, Filter()) for n in range(48)] == figures
    assert not store._sums._kept


def test_an_unhandled_event_is_counted_whatever_its_endpoint(store: Store) -> None:
    """One that came to another endpoint first may be of none that is kept."""
    failed = [one(id=f"{n:032}", outcome="failed", route=f"/{n}", time_ns=NOW - n * SECOND) for n in range(5)]
    store.write(batch(*failed)).result(20)
    with store._database.write() as connection:
        connection.execute(update(events).where(events.c.endpoint == 3).values(endpoint=0))
    assert store.overview(NOW - HOUR, NOW + 1, Filter()).events.unhandled == 5
    assert store.overview(NOW - 3 * SECOND, NOW + 1, Filter()).events.unhandled == 5
    assert store.overview(NOW - 2 * DAY, NOW - DAY, Filter()).events.unhandled == 0
