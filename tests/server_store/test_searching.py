"""A search finds texts too: in event types, endpoints and paths, exceptions, and the reasons of failures."""

from __future__ import annotations

import pytest

from outworx_otel.server.model import Filter, Hits, StoredDelivery
from outworx_otel.server.store import Store, searching
from server_store.samples import NOW as NOW_THERE
from server_store.samples import batch, one

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
