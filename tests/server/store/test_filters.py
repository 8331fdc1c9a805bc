"""Pages under every filter, beside the same asked of a list in memory."""

from __future__ import annotations

import base64

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.server.model import RAN, Filter, Hits, StoredDelivery, Summary
from outworx_otel.server.store import BadCursor, Store
from server.store.conftest import OpenStore
from server.store.samples import DAY, NOW, batch, deliveries, one

_EQUAL = ("provider", "event_type", "route", "outcome", "reason", "cause", "idempotency", "service")


@pytest.fixture(scope="module")
def written() -> list[StoredDelivery]:
    # In steps, so that several have the same time. Some of one provider's were not verified.
    made = deliveries(1500, since=NOW - 400, until=NOW)
    some = [
        msgspec.structs.replace(one, signature_valid=None)
        if number % 3 == 0 and one.provider == "stripe"
        else one
        for number, one in enumerate(made)
    ]
    # Of one time what is not proved genuine comes last: PostgreSQL numbers it apart.
    return sorted(some, key=lambda one: (one.time_ns, one.signature_valid is not True))


@pytest.fixture
def filled(store: Store, written: list[StoredDelivery]) -> Store:
    store.write(batch(*written)).result(30)
    return store


def expected(written: list[StoredDelivery], wanted: Filter) -> list[str]:
    """The ids that a filter lets through, newest first."""
    numbered = [(delivery.time_ns, number, delivery) for number, delivery in enumerate(written)]
    return [
        delivery.id
        for time_ns, _, delivery in sorted(numbered, key=lambda one: one[:2], reverse=True)
        if (wanted.since is None or time_ns >= wanted.since)
        and (wanted.until is None or time_ns < wanted.until)
        and (not wanted.unverified or (delivery.outcome in RAN and delivery.signature_valid is None))
        and all(not wanted.any_of(name) or getattr(delivery, name) in wanted.any_of(name) for name in _EQUAL)
    ]


def paged(store: Store, wanted: Filter, limit: int) -> list[Summary]:
    """All pages, one after the other."""
    found: list[Summary] = []
    cursor = None
    while True:
        page = store.deliveries(wanted, limit, cursor)
        found += page.deliveries
        assert len(page.deliveries) == limit or page.next_cursor is None
        if (cursor := page.next_cursor) is None:
            return found


def test_paging_shows_every_delivery_once(filled: Store, written: list[StoredDelivery]) -> None:
    assert [one.id for one in paged(filled, Filter(), 70)] == expected(written, Filter())


def test_every_filter_alone_and_with_others(filled: Store, written: list[StoredDelivery]) -> None:
    choices = {
        name: sorted({value for one in written if (value := getattr(one, name)) is not None})
        for name in _EQUAL
    }
    times = st.none() | st.integers(NOW - 410, NOW + 10)
    one_of = {name: st.sampled_from([*choices[name], "nowhere"]) for name in _EQUAL}
    maybe = {
        name: st.none() | value | st.lists(value, min_size=2, max_size=3).map(tuple)
        for name, value in one_of.items()
    }

    @given(
        wanted=st.builds(
            Filter, **maybe, since=times, until=times, search=st.none(), unverified=st.booleans()
        ),
        limit=st.integers(1, 90),
    )
    def check(wanted: Filter, limit: int) -> None:
        right = expected(written, wanted)
        page = filled.deliveries(wanted, limit)
        assert [one.id for one in page.deliveries] == right[:limit]
        if page.next_cursor is not None:
            following = filled.deliveries(wanted, limit, page.next_cursor)
            assert [one.id for one in following.deliveries] == right[limit : 2 * limit]
        assert filled.hits(wanted) == Hits(min(len(right), 1000), len(right) > 1000)
        if right:
            at = len(right) // 2
            beside = (right[at - 1] if at else None, right[at + 1] if at + 1 < len(right) else None)
            assert filled.neighbours(wanted, right[at]) == beside

    check()
    assert len(expected(written, Filter(unverified=True))) > 20
    assert [one.id for one in paged(filled, Filter(unverified=True), 7)] == (
        expected(written, Filter(unverified=True))
    )
    for name in _EQUAL:
        for value in choices[name]:
            wanted = Filter(**{name: value})
            assert [one.id for one in paged(filled, wanted, 400)] == expected(written, wanted)


def test_a_page_is_the_same_after_newer_deliveries_came(filled: Store, written: list[StoredDelivery]) -> None:
    first = filled.deliveries(Filter(provider="stripe"), 20)
    filled.write(batch(*(one(id=f"new-{n}", provider="stripe", time_ns=NOW + n) for n in range(30)))).result(
        20
    )
    second = filled.deliveries(Filter(provider="stripe"), 20, first.next_cursor)
    assert [delivery.id for delivery in second.deliveries] == expected(written, Filter(provider="stripe"))[
        20:40
    ]


@pytest.mark.parametrize(
    "cursor", ["", "x", "?" * 22, "AAAA", "A" * 21, "é", "A" * 1000, base64.b64encode(b"\xff" * 16).decode()]
)
def test_a_cursor_that_was_made_up_is_refused(sqlite_store: Store, cursor: str) -> None:
    with pytest.raises(BadCursor, match="next_cursor"):
        sqlite_store.deliveries(Filter(), 10, cursor)


@given(st.text(max_size=40))
def test_no_cursor_breaks_the_list(sqlite_store: Store, cursor: str) -> None:
    try:
        sqlite_store.deliveries(Filter(), 10, cursor)
    except BadCursor:
        return


def test_search_finds_ids_their_beginnings_events_traces_and_keys(
    filled: Store, written: list[StoredDelivery]
) -> None:
    for delivery in written[700:710]:
        for term in (
            delivery.id,
            delivery.id[:9],
            delivery.event_id,
            delivery.trace_id,
            delivery.idempotency_key,
        ):
            if term is not None:
                assert [one.id for one in filled.deliveries(Filter(search=term), 10).deliveries] == [
                    delivery.id
                ]
    assert filled.deliveries(Filter(search=written[0].id[:3]), 10).deliveries == []
    assert filled.deliveries(Filter(search="%"), 10).deliveries == []
    assert filled.deliveries(Filter(search=written[0].id, provider="nowhere"), 10).deliveries == []


def test_a_beginning_is_one_of_signs_and_not_of_a_language(store: Store) -> None:
    ids = ["abcd-1", "ABCD-2", "äbcd-3", "abcd", "abc", "abcé", "abcd\N{GRINNING FACE}", "abce", "ab-cd"]
    store.write(batch(*(one(id=id, time_ns=NOW - number) for number, id in enumerate(ids)))).result(20)
    found = store.deliveries(Filter(search="abcd"), 20).deliveries
    assert [delivery.id for delivery in found] == ["abcd-1", "abcd", "abcd\N{GRINNING FACE}"]


def test_a_search_is_paged_and_filtered_too(store: Store) -> None:
    store.write(
        batch(
            *(
                one(id=f"{n:04}", time_ns=NOW + n, event_id="evt_1", outcome=_OUTCOMES[n % 2])
                for n in range(50)
            )
        )
    ).result(20)
    assert [int(one.id) for one in paged(store, Filter(search="evt_1"), 7)] == list(reversed(range(50)))
    rejected = paged(store, Filter(search="evt_1", outcome="rejected"), 7)
    assert [int(one.id) for one in rejected] == list(reversed(range(1, 50, 2)))


_OUTCOMES = ("accepted", "rejected")


def test_an_export_brings_all_that_a_filter_lets_through(
    filled: Store, written: list[StoredDelivery]
) -> None:
    wanted = Filter(outcome="accepted")
    found = list(filled.iterate(wanted, 1000))
    assert [one.id for one in found] == expected(written, wanted)[:1000]
    by_id = {one.id: one for one in written}
    assert all(one == by_id[one.id] for one in found)


def test_more_endpoints_than_are_told_apart_still_show_what_they_are(url: str, open_store: OpenStore) -> None:
    store = open_store(url, max_facets=20)
    flood = [one(id=f"{n:05}", time_ns=NOW + n, provider=f"p{n}", outcome="accepted") for n in range(100)]
    store.write(batch(*flood)).result(20)
    listed = paged(store, Filter(), 30)
    assert [one.provider for one in listed] == [f"p{n}" for n in reversed(range(100))]
    assert len(store.deliveries(Filter(provider="p3"), 10).deliveries) == 1
    others = paged(store, Filter(provider="_OTHER"), 30)
    assert [one.provider for one in others] == [f"p{n}" for n in reversed(range(20, 100))]
    figures = store.overview(NOW - DAY, NOW + DAY, Filter())
    assert figures.total == 100
    assert sum(endpoint.total for endpoint in figures.endpoints) == 100
    assert {endpoint.provider: endpoint.total for endpoint in figures.endpoints}["_OTHER"] == 80


def test_there_is_room_for_new_endpoints_once_old_ones_are_gone(
    shared_url: str, open_store: OpenStore
) -> None:
    url = shared_url
    now = NOW / 1e9
    store = open_store(url, max_facets=20, clock=lambda: now, ticks=lambda: now)
    store.write(batch(*(one(id=f"{n}", provider=f"old-{n}") for n in range(30)))).result(20)
    for _ in range(40):
        now += 86_400
        while store._retention.step(0) < 1:
            pass
    # Another one starts, and removes what the first still remembers.
    second = open_store(url, max_facets=20, clock=lambda: now, ticks=lambda: now)
    later = NOW + 40 * DAY
    store.write(batch(one(id="a", provider="old-3", time_ns=later))).result(20)
    second.write(batch(one(id="b", provider="new", time_ns=later))).result(20)
    for provider in ("old-3", "new"):
        assert [one.provider for one in store.deliveries(Filter(provider=provider), 5).deliveries] == [
            provider
        ]
