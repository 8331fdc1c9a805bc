"""A search finds texts too: in event types, endpoints and paths, exceptions, and the reasons of failures."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from outworx_otel.server.model import Filter, Hits, StoredDelivery
from outworx_otel.server.store import Store, body_search, searching
from outworx_otel.server.store.packing import unpack
from outworx_otel.telemetry import semconv
from server.store.conftest import OpenStore
from server.store.samples import NOW as NOW_THERE
from server.store.samples import batch, one

_SECOND = 10**9
# What begins in the future comes from a fast clock, and is kept at its arrival.
NOW = NOW_THERE - 1000 * _SECOND


def written(number: int, **fields: object) -> StoredDelivery:
    return one(id=f"id-{number:04}", time_ns=NOW + number * _SECOND, event_id=f"evt_{number}", **fields)


@pytest.fixture
def searched(store: Store) -> Store:
    store.write(
        batch(
            written(1, outcome="failed", failure="the bank refused the refund of 100 %"),
            written(2, outcome="error", failure="KeyError: 'amount'", exception_type="shop.errors.NoAmount"),
            written(3, outcome="accepted", event_type="invoice.paid", route="/hooks/billing"),
            written(4, outcome="unrouted", route=None, path="/old/stripe_hook", event_type=None),
            written(5, outcome="accepted", route="/hooks/{tenant}", path="/hooks/acme", event_type="a.b"),
            written(6, outcome="accepted", route="/hooks/plain", path="/hooks/plain", event_type="evt_1"),
        )
    ).result(20)
    return store


def found(store: Store, term: str, **more: object) -> list[int]:
    wanted = Filter(search=term, **more)  # type: ignore[arg-type]  # whatever a test asks for
    shown = [int(delivery.id[3:]) for delivery in store.deliveries(wanted, 10).deliveries]
    assert store.hits(wanted) == Hits(len(shown))
    return shown


@pytest.mark.parametrize(
    ("term", "numbers"),
    [
        ("refused the refund", [1]),
        ("BANK", [1]),
        ("100 %", [1]),
        ("noamount", [2]),
        ("keyerror: 'amount'", [2]),
        ("invoice", [3]),
        ("/hooks/", [6, 5, 3]),
        ("billing", [3]),
        ("stripe_hook", [4]),
        ("stripe%hook", []),
        ("acme", [5]),
        # An id is taken for nothing else.
        ("evt_1", [1]),
        ("nothing of the kind", []),
    ],
)
def test_a_part_of_a_text_is_found(searched: Store, term: str, numbers: list[int]) -> None:
    assert found(searched, term) == numbers


def test_a_search_keeps_to_the_filter(searched: Store) -> None:
    assert found(searched, "hooks", event_type=("invoice.paid", "a.b")) == [5, 3]
    assert found(searched, "hooks", since=NOW + 4 * _SECOND) == [6, 5]
    assert found(searched, "amount", outcome=("error", "failed")) == [2]
    assert found(searched, "amount", outcome="accepted") == []


def test_a_search_goes_on_where_it_stopped(sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "LOOKED_THROUGH", 10)
    reasons = ["the bank is closed" if number % 20 == 3 else "no stock" for number in range(65)]
    sqlite_store.write(
        batch(*(written(number, outcome="failed", failure=reason) for number, reason in enumerate(reasons)))
    ).result(20)
    wanted, cursor, shown, pages = Filter(search="bank"), None, [], 0
    while True:
        page = sqlite_store.deliveries(wanted, 5, cursor)
        shown += [int(delivery.id[3:]) for delivery in page.deliveries]
        pages += 1
        if page.looked_back_to is not None:
            assert page.next_cursor is not None
            assert all(delivery.time_ns >= page.looked_back_to for delivery in page.deliveries)
        if (cursor := page.next_cursor) is None:
            break
    assert shown == [63, 43, 23, 3]
    assert pages == 7
    assert sqlite_store.hits(wanted).at_least
    assert [int(kept.id[3:]) for kept in sqlite_store.iterate(wanted, 100)] == shown


# Several at once, then hours, days and weeks without one.
_HOURS_AGO = (0, 0, 0, 1, 1, 7, 8, 9, 9, 9, 40, 63, 64, 65, 65, 65, 65, 200, 511, 511, 513, 800, 1200, 1200)


@pytest.mark.parametrize("at_once", [1, 3, 4, 100])
def test_a_search_looks_through_the_newest_however_far_apart_they_are(
    shared_url: str, open_store: OpenStore, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(searching, "LOOKED_THROUGH", at_once)
    store = open_store(shared_url)
    failed = [
        one(
            id=f"id-{number:04}",
            time_ns=NOW - hours * 3600 * _SECOND,
            outcome="failed" if number % 3 else "error",
            failure="the bank is closed" if number % 2 else "no stock",
        )
        for number, hours in enumerate(_HOURS_AGO)
    ]
    # Nothing of these is looked at.
    well = [one(id=f"well-{n}", time_ns=NOW - n * 3600 * _SECOND, outcome="accepted") for n in range(50)]
    store.write(batch(*failed, *well)).result(20)
    newest = sorted(failed, key=lambda made: (made.time_ns, failed.index(made)), reverse=True)
    cursor, pages = None, []
    while True:
        page = store.deliveries(Filter(search="BANK"), 100, cursor)
        pages.append([delivery.id for delivery in page.deliveries])
        if (cursor := page.next_cursor) is None:
            break
    matching = [
        [made.id for made in newest[at : at + at_once] if made.failure != "no stock"]
        for at in range(0, 24, at_once)
    ]
    assert [page for page in pages if page] == [page for page in matching if page]
    assert len(pages) == 24 // at_once + 1


def with_body(number: int, body: str, size: int | None = None, **more: object) -> StoredDelivery:
    attributes = {semconv.REQUEST_BODY: body}
    return written(
        number, outcome="accepted", event_type="a.b", attributes=attributes, body_size=size, **more
    )


def test_text_in_a_kept_body_is_found_where_nothing_else_holds_it(store: Store) -> None:
    binary = base64.b64encode(b"\xff" + b"cus_44 in no text" * 3).decode()
    answered = {semconv.RESPONSE_BODY: "cus_45 is welcome"}
    store.write(
        batch(
            with_body(1, '{"customer":"cus_42"}'),
            with_body(2, '{"customer":"cus_43"}', route="/hooks/other"),
            with_body(3, binary, 52),
            written(4, outcome="accepted", event_type="a.b", attributes=answered),
            written(5, outcome="failed", failure="no customer cus_43", attributes={"told": "cus_42"}),
        )
    ).result(20)
    assert found(store, "CUS_42") == [1]
    assert found(store, "cus_45") == [4]
    # Neither the bytes of what is no text, nor the letters that they are kept as.
    assert found(store, "cus_44") == found(store, binary[20:40]) == []
    assert (found(store, "cus_43"), found(store, "body:cus_43")) == ([5], [2])
    assert found(store, "body:cus_4", route="/hooks/other") == [2]
    assert found(store, "body:told") == []


def test_a_search_of_bodies_is_bounded_goes_on_and_unpacks_only_what_kept_one(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    unpacked: list[int] = []

    def counted(detail: bytes, type_: Any) -> Any:
        unpacked.append(len(detail))
        return unpack(detail, type_)

    monkeypatch.setattr(body_search, "BODIES_AT_ONCE", 4)
    monkeypatch.setattr(body_search, "SECONDS_AT_ONCE", 60.0)
    monkeypatch.setattr(body_search, "unpack", counted)
    kept = [
        with_body(number, "needle" if number % 10 == 0 else "hay")
        if number % 2 == 0
        else written(number, outcome="accepted", event_type="a.b")
        for number in range(40)
    ]
    sqlite_store.write(batch(*kept)).result(20)
    cursor, shown, looked = None, [], []
    while True:
        page = sqlite_store.deliveries(Filter(search="needle"), 5, cursor)
        shown += [int(delivery.id[3:]) for delivery in page.deliveries]
        looked.append(page.looked_back_to)
        if (cursor := page.next_cursor) is None:
            break
    assert shown == [30, 20, 10, 0]
    assert looked == [*(NOW + number * _SECOND for number in (32, 24, 16, 8, 0)), None]
    assert len(unpacked) == 20


def test_what_stands_beside_a_found_one_is_found_too(searched: Store) -> None:
    assert searched.neighbours(Filter(search="/hooks/"), "id-0005") == ("id-0006", "id-0003")
    assert searched.neighbours(Filter(search="/hooks/"), "id-0006") == (None, "id-0005")
    assert searched.neighbours(Filter(search="/hooks/"), "id-0001") == (None, None)
    assert searched.neighbours(Filter(), "nobody's") == (None, None)


def test_a_problem_s_deliveries_are_searched_counted_and_gone_through(store: Store) -> None:
    reasons = ("no stock", "the bank is closed", "no stock", "no stock")
    store.write(
        batch(
            *(
                one(
                    id=f"id-{number:04}",
                    time_ns=NOW + number * _SECOND,
                    provider="stripe",
                    route="/hooks",
                    service="shop",
                    outcome="failed",
                    failure=reason,
                )
                for number, reason in enumerate(reasons)
            )
        )
    ).result(20)
    for problem in store.problems().problems:
        wanted = Filter(problem=problem.id)
        shown = [delivery.id for delivery in store.deliveries(wanted, 10).deliveries]
        assert store.hits(wanted) == Hits(len(shown))
        assert store.neighbours(wanted, shown[0]) == (None, shown[1] if len(shown) > 1 else None)
        for term in ("stock", "bank"):
            found = store.deliveries(Filter(problem=problem.id, search=term), 10).deliveries
            assert [delivery.id for delivery in found] == [id for id in shown if term in reasons[int(id[3:])]]
            assert all(term in (delivery.failure or "") for delivery in found)
    assert store.problems().problems
