"""What goes with a delivery that somebody asks to have removed, and what stays."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from sqlalchemy import select

from outworx_otel.server.model import Filter
from outworx_otel.server.store import Erasure, Store
from outworx_otel.server.store import erasure as erasing
from outworx_otel.server.store.schema import events, metadata, problems, tallies
from server.store.conftest import rows
from server.store.samples import DAY, NOW, batch, one, process_span, span

EVENT = "evt_to_be_removed"


def kept(store: Store) -> set[str]:
    return {delivery.id for delivery in store.deliveries(Filter(), 100).deliveries}


def counted(store: Store) -> dict[str, int]:
    with store._database.read() as connection:
        return {
            row.name: row.value
            for row in connection.execute(select(tallies)).all()
            # No number is given twice.
            if not row.name.startswith(("age", "last_"))
        }


def test_one_goes_with_its_trace_and_its_deferred_work(store: Store) -> None:
    gone, stays = one(id="gone", trace_id="a" * 32), one(id="stays", trace_id="b" * 32)
    written = [gone, span("a" * 32, 7), process_span(gone), stays, span("b" * 32, 8)]
    store.write(batch(*written)).result(30)
    erased = store.erase(Erasure(id="gone")).result(30)
    assert (erased.ids, erased.traces, erased.spans, erased.more) == (["gone"], ["a" * 32], 2, False)
    assert kept(store) == {"stays"}
    assert store.spans("a" * 32) == store.deferred_of(gone) == []
    assert len(store.spans("b" * 32)) == 1
    assert [rows(store, table) for table in ("deliveries", "details", "spans")] == [1, 1, 1]


def test_what_is_left_is_counted_as_if_the_rest_had_never_come(
    url: str, open_store: Callable[..., Store]
) -> None:
    """Retention goes by these numbers: were they not kept, it would remove too much, or nothing."""
    store = open_store(url)
    store.write(batch(one(id="stays"), span("b" * 32, 8))).result(30)
    before = counted(store)
    gone = one(id="gone", trace_id="a" * 32, signature_valid=False, reason="hmac_mismatch")
    store.write(batch(gone, span("a" * 32, 7))).result(30)
    store.erase(Erasure(id="gone")).result(30)
    after = counted(store)
    after.pop("reusable_bytes", None)
    assert {name: value for name, value in after.items() if value} == {
        name: value for name, value in before.items() if value and name != "reusable_bytes"
    }


def test_deferred_work_of_another_delivery_in_the_same_trace_stays(store: Store) -> None:
    gone = one(id="gone", trace_id="a" * 32, span_id="1" * 16)
    stays = one(id="stays", trace_id="a" * 32, span_id="2" * 16)
    other = msgspec.structs.replace(process_span(stays), trace_id="a" * 32)
    store.write(batch(gone, stays, other)).result(30)
    assert store.erase(Erasure(id="gone")).result(30).spans == 0
    assert len(store.deferred_of(stays)) == 1


def test_every_delivery_of_an_event_goes_of_one_provider_or_of_all(store: Store) -> None:
    store.write(
        batch(
            one(id="first", event_id=EVENT, provider="stripe"),
            one(id="again", event_id=EVENT, provider="stripe"),
            one(id="other", event_id=EVENT, provider="github"),
            one(id="stays", event_id="evt_2", provider="stripe"),
        )
    ).result(30)
    stripe = Erasure(event_id=EVENT, provider="stripe")
    assert (store.erasable(stripe), store.erasable(Erasure(event_id=EVENT))) == (2, 3)
    assert set(store.erase(stripe).result(30).ids) == {"first", "again"}
    assert store.erase(Erasure(event_id=EVENT)).result(30).ids == ["other"]
    assert kept(store) == {"stays"}


def test_what_is_before_a_time_goes_a_part_at_a_time_the_oldest_first(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasing, "AT_ONCE", 3)
    store.write(batch(*(one(id=f"d{n}", time_ns=NOW - n * DAY // 24) for n in range(8)))).result(30)
    which = Erasure(before=NOW - 2 * DAY // 24)
    assert store.erasable(which) == 5
    parts = [store.erase(which).result(30) for _ in range(2)]
    assert [part.ids for part in parts] == [["d7", "d6", "d5"], ["d4", "d3"]]
    assert [part.more for part in parts] == [True, False]
    assert kept(store) == {"d0", "d1", "d2"}


def test_filters_offer_no_event_type_that_only_the_removed_had(store: Store) -> None:
    store.write(
        batch(
            one(id="gone", event_type="jane.doe.signed", signature_valid=True, outcome="accepted"),
            one(id="also", event_type="charge.succeeded", signature_valid=True, outcome="accepted"),
            one(id="stays", event_type="charge.succeeded", signature_valid=True, outcome="accepted"),
        )
    ).result(30)
    for id in ("gone", "also"):
        store.erase(Erasure(id=id)).result(30)
    assert list(store.choices().event_types) == ["charge.succeeded"]


def test_figures_stay(store: Store) -> None:
    store.write(batch(one(id="gone", outcome="accepted"))).result(30)
    before = store.overview(NOW - DAY, NOW + 1, Filter())
    store.erase(Erasure(id="gone")).result(30)
    assert store.overview(NOW - DAY, NOW + 1, Filter()) == before


def test_what_is_written_meanwhile_is_written(store: Store) -> None:
    store.write(batch(one(id="gone", event_id=EVENT))).result(30)
    futures = [store.write(batch(one(id=f"new{n}"))) for n in range(5)]
    erased = store.erase(Erasure(event_id=EVENT))
    futures += [store.write(batch(one(id=f"later{n}"))) for n in range(5)]
    assert erased.result(30).ids == ["gone"]
    for future in futures:
        future.result(30)
    assert len(kept(store)) == 10


def test_a_closed_store_removes_nothing_and_says_so(url: str, open_store: Callable[..., Store]) -> None:
    from outworx_otel.server.store import StoreUnavailable

    store = open_store(url)
    store.write(batch(one(id="stays"))).result(30)
    store.close()
    with pytest.raises(StoreUnavailable, match="being stopped"):
        store.erase(Erasure(id="stays"))


def test_what_is_known_of_its_event_and_quoted_in_its_problem_goes_too(store: Store) -> None:
    words = "the bank refused Jane Doe's refund"
    fields = {"outcome": "failed", "signature_valid": True, "event_id": EVENT, "failure": words}
    store.write(batch(one(id="gone", trace_id="a" * 32, **fields))).result(30)
    with store._database.read() as connection:
        kept = {t.name: [str(row) for row in connection.execute(select(t)).all()] for t in (events, problems)}
    assert any(EVENT in row for row in kept["events"])
    assert any("gone" in row for row in kept["problems"])
    store.erase(Erasure(id="gone")).result(30)
    with store._database.read() as connection:
        every = [str(row) for t in metadata.sorted_tables for row in connection.execute(select(t)).all()]
    assert not [row for row in every if EVENT in row or words in row or "'gone'" in row]
