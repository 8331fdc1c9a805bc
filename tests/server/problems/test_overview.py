"""How endpoints, clocks and events do: what `/api/overview` is made of."""

from __future__ import annotations

from typing import Any

import pytest

from outworx_otel.server.model import Filter
from outworx_otel.server.problems.state import EndpointsOverview, EndpointState
from outworx_otel.server.store import Store
from server.problems.staged import BEGIN, ROUTE, came, worked
from server.store.conftest import OpenStore
from server.store.samples import DAY, NOW, SECOND, batch


def seen(store: Store, *kept: Any, service: str | None = None) -> EndpointsOverview:
    for one in kept:
        store.write(batch(one)).result(20)
    return store.endpoints(NOW - DAY, NOW, service)


def only(found: EndpointsOverview) -> EndpointState:
    assert len(found.endpoints) == 1, found
    return found.endpoints[0]


def test_an_endpoint_says_how_it_does(store: Store) -> None:
    found = only(
        seen(
            store,
            came("accepted"),
            came("accepted", 1),
            came("error", 2),
            came("error", 3),
            came("replayed", 4),
        )
    )
    assert (found.service, found.provider, found.route, found.verified) == ("shop", "stripe", ROUTE, True)
    assert (found.deliveries, found.success_rate, found.failures) == (5, 0.5, 2)
    assert (found.streak, found.streak_since_ns) == (2, BEGIN + 2 * SECOND)
    assert (found.last_good_ns, found.last_seen_ns) == (BEGIN + SECOND, BEGIN + 4 * SECOND)
    assert (found.usual, found.silent_since_ns) == (None, None)


def test_a_rate_of_each_slot_is_out_of_what_counts_in_it(store: Store) -> None:
    kept = [came("accepted"), came("error", 1), came("replayed", 2), came("accepted", 1800, service="eu")]
    seen(store, came("rejected", -3600, reason="missing_header"), *kept)

    def judged(**fields: Any) -> list[tuple[int, int]]:
        slots = store.overview(NOW - DAY, NOW, Filter(**fields), rates=True).slots
        return [(slot.good, slot.bad) for slot in slots if slot.good or slot.bad]

    assert sorted(judged()) in ([(1, 0), (1, 1)], [(2, 1)])
    assert (judged(service="shop"), judged(service="nobody")) == ([(1, 1)], [])
    assert not any(slot.good or slot.bad for slot in store.overview(NOW - DAY, NOW, Filter()).slots)


def test_two_services_with_one_route_are_two_and_an_environment_is_another(store: Store) -> None:
    kept = [came("accepted"), came("error", service="eu"), came("error", service="eu", environment="test")]
    found = seen(store, *kept)
    rates = {(one.service, one.environment): one.success_rate for one in found.endpoints}
    assert rates == {("shop", ""): 1.0, ("eu", ""): 0.0, ("eu", "test"): 0.0}
    assert {one.service for one in seen(store, service="eu").endpoints} == {"eu"}


def test_an_endpoint_that_is_quiet_is_listed(store: Store) -> None:
    found = only(seen(store, came("accepted", -3 * 86_400)))
    assert (found.deliveries, found.success_rate, found.last_good_ns) == (0, None, BEGIN - 3 * DAY)


def test_strangers_have_no_part_in_a_rate_and_what_was_proved_genuine_has(store: Store) -> None:
    strangers = [came("rejected", n, reason="missing_header") for n in range(5)]
    assert only(seen(store, came("accepted"), *strangers)).success_rate == 1.0
    proved = [came("rejected", 10 + n, reason="parsed_body") for n in range(3)]
    assert only(seen(store, *proved)).success_rate == 0.25


def test_scanners_make_no_endpoint(store: Store) -> None:
    lost = [came("unrouted", route=None, path=f"/{n}", signature_valid=None, detected=True) for n in range(5)]
    refused = [came("refused", route="/login", signature_valid=None, detected=True)]
    assert seen(store, *lost, *refused).endpoints == []


def test_a_genuine_delivery_to_an_old_url_has_a_row_of_its_own(store: Store) -> None:
    found = only(seen(store, came("unrouted", route=None, path="/old/stripe")))
    assert (found.route, found.success_rate, found.streak) == ("/old/stripe", 0.0, 1)


def test_whether_an_endpoint_verifies_is_what_its_last_delivery_says(store: Store) -> None:
    assert only(seen(store, came("accepted", signature_valid=None))).verified is False
    assert only(seen(store, came("accepted", 1))).verified is True
    again = only(
        seen(store, came("accepted", 2, signature_valid=None), came("accepted", 3, signature_valid=None))
    )
    assert (again.verified, again.unverified) == (False, 2)


def events(store: Store, *kept: Any) -> tuple[int, int, int]:
    found = seen(store, *kept).events
    return found.handled, found.unhandled, found.ran_more_than_once


def test_an_event_is_handled_by_one_delivery_that_went_well(store: Store) -> None:
    assert events(
        store, came("accepted"), came("error", 1, event_id="a"), came("error", 2, event_id="b")
    ) == (1, 2, 0)
    assert events(store, came("accepted", 3, event_id="a")) == (2, 1, 0)
    assert events(store, came("error", 4, event_id="a")) == (2, 1, 0)


def test_an_event_that_ran_twenty_times_without_a_key_is_counted(store: Store) -> None:
    assert events(store, *(came("accepted", n, event_id="a") for n in range(20))) == (1, 0, 1)
    store.write(batch(*(came("accepted", n, event_id="b") for n in range(20)))).result(20)
    assert events(store) == (2, 0, 2)


def test_with_a_key_it_ran_once_and_a_retry_of_a_failure_is_no_second_run(store: Store) -> None:
    storm = [came("replayed", n, event_id="a") for n in range(1, 20)]
    assert events(store, came("accepted", event_id="a"), *storm, came("in_flight", 30, event_id="a")) == (
        1,
        0,
        0,
    )
    assert events(store, came("error", event_id="b"), came("accepted", 1, event_id="b")) == (2, 0, 0)


def test_two_endpoints_that_get_one_event_run_it_rightly(store: Store) -> None:
    both = [came("accepted", event_id="a"), came("accepted", event_id="a", route="/webhooks/other")]
    assert events(store, *both) == (1, 0, 0)
    assert events(store, came("accepted", event_id="a", service="eu")) == (2, 0, 0)


def test_without_an_id_each_delivery_is_an_event(store: Store) -> None:
    kept = [came("accepted", n, event_id=None) for n in range(3)] + [came("error", event_id=None)] * 1
    assert events(store, *kept) == (3, 1, 0)


@pytest.mark.parametrize(("status", "then"), [("completed", (1, 0, 0)), ("failed", (0, 1, 0))])
def test_a_deferred_event_is_handled_once_its_work_ended_well(store: Store, status: str, then: Any) -> None:
    delivery = came("deferred")
    found = seen(store, delivery)
    assert (found.events.handled, found.events.unhandled, only(found).success_rate) == (0, 1, None)
    span = worked(delivery, status)
    assert events(store, span) == then
    assert only(seen(store)).success_rate == float(then[0])
    # A span that is sent twice changes nothing.
    assert events(store, span) == then
    assert only(seen(store)).streak == then[1]


def test_a_strangers_delivery_is_no_event(store: Store) -> None:
    assert events(
        store, came("rejected", reason="missing_header"), came("unrouted", signature_valid=None)
    ) == (0, 0, 0)


def test_a_clock_that_is_fast_is_told_and_its_deliveries_are_counted(store: Store) -> None:
    found = seen(store, came("error", 3600 + 1200))
    assert [(one.service, round(one.offset_ns / SECOND)) for one in found.clocks] == [("shop", 1200)]
    # It came when it arrived, not in the future.
    assert store.problems().problems[0].last_ns == NOW - 5_000_000
    # Set right.
    assert seen(store, came("accepted", 3595)).clocks == []


def test_what_a_fast_clock_sends_keeps_its_order(store: Store) -> None:
    # The first of them began before the batch left: alone it would prove nothing.
    sent = [came("accepted", 3600 - 1), came("error", 3600 + 1), came("error", 3600 + 4)]
    store.write(batch(*sent)).result(20)
    assert only(seen(store)).streak == 2


def test_a_clock_that_is_slow_is_told_by_signatures_of_later_one_after_the_other(store: Store) -> None:
    four = [came("accepted", n, age=-90.0 - n) for n in range(4)]
    assert seen(store, *four).clocks == []
    found = seen(store, came("accepted", 5, age=-91.5)).clocks
    assert [round(one.offset_ns / SECOND) for one in found] == [-92]
    assert seen(store, came("accepted", 6, age=0.2)).clocks == []


def test_what_a_slow_clock_sends_is_kept_at_the_time_at_which_it_came(
    shared_url: str, open_store: OpenStore
) -> None:
    store = open_store(shared_url)

    def kept_at(of: Store, second: float, **fields: Any) -> float:
        one = came("accepted", 3600 + second, **fields)
        of.write(batch(one)).result(20)
        kept = of.delivery(one.id)
        assert kept is not None
        assert kept.reported_time_ns == (None if kept.time_ns == one.time_ns else one.time_ns)
        return round((kept.time_ns - NOW) / SECOND, 2)

    # The fifth proves it, and is set right itself; a batch of five proves it alone.
    assert [kept_at(store, -99 + n, age=-90.0) for n in range(5)] == [-99, -98, -97, -96, -5]
    five = [came("error", 3600 - 99 + n, age=-90.0, service="eu") for n in range(5)]
    store.write(batch(*five)).result(20)
    assert only(seen(store, service="eu")).streak_since_ns == NOW - 9 * SECOND
    # One without a signed time too, also after a start, and none later than it arrived.
    assert kept_at(open_store(shared_url), -93) == -3
    assert kept_at(store, -90) == -0.01
    assert kept_at(store, -95, environment="test") == -95
    # What merely came late keeps its time; what was itself signed later came later than it said.
    assert kept_at(store, -7200) == -7200
    assert kept_at(store, -7200, age=-90.0) == -7110
    # It came within 88 s of when it says that it ended: so slow it is no more.
    assert kept_at(store, -80) == -80
    assert kept_at(store, -95) == -95
    assert seen(store, service="shop").clocks == []


def test_deferred_work_by_a_slow_clock_ends_no_sooner_than_its_delivery_came(store: Store) -> None:
    seen(store, *(came("accepted", 3600 - 99, age=-90.0) for n in range(5)))
    delivery = came("deferred", 3600 - 95, age=-90.0)
    seen(store, delivery, worked(delivery, "failed", second=3600 - 94))
    found = only(seen(store))
    assert (found.streak, found.streak_since_ns) == (1, NOW - 5 * SECOND)


def test_what_merely_arrives_late_proves_no_clock(store: Store) -> None:
    assert seen(store, *(came("accepted", -7200 + n) for n in range(6))).clocks == []
