"""What is written is read back as it was, once, and whole."""

from __future__ import annotations

from pathlib import Path
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.server.model import Batch, Filter, SpanEvent, SpanLink, StoredDelivery, Summary
from outworx_otel.server.store import BatchRefused, Store
from outworx_otel.server.store.sql_history import SqlHistory
from server.store.conftest import OpenStore
from server.store.samples import NOW, SECOND, batch, deliveries, one, process_span, span

_NAMES = Summary.__struct_fields__


def shown(delivery: StoredDelivery) -> Summary:
    """What a list says of it."""
    return Summary(**{name: getattr(delivery, name) for name in _NAMES})


def test_all_of_a_delivery_comes_back(store: Store) -> None:
    delivery = one(
        attributes={"text": "ü", "list": ["a", 1], "float": 0.5, "no": False, "big": 2**63},
        events=(SpanEvent("exception", NOW, {"exception.type": "KeyError"}),),
        links=(SpanLink("a" * 32, "b" * 16, {"why": "replay"}),),
        status_message="it failed",
        parent_span_id="c" * 16,
    )
    store.write(batch(delivery)).result(20)
    assert store.delivery(delivery.id) == delivery
    assert store.deliveries(Filter(), 10).deliveries == [shown(delivery)]
    assert store.delivery("nowhere") is None


def test_a_list_is_newest_first_whatever_the_order_of_arrival(store: Store) -> None:
    written = [one(time_ns=NOW - minute * 60 * SECOND) for minute in (5, 1, 9, 3)]
    for delivery in written:
        store.write(batch(delivery)).result(20)
    listed = store.deliveries(Filter(), 10).deliveries
    assert [delivery.time_ns for delivery in listed] == sorted((one.time_ns for one in written), reverse=True)


def test_a_batch_sent_again_is_kept_once_in_lists_and_figures(store: Store) -> None:
    first = batch(*deliveries(300))
    store.write(first).result(20)
    again = Batch(deliveries=[*first.deliveries[100:], one(), one()], size=1)
    store.write(again).result(20)
    store.write(first).result(20)
    assert len(list(store.iterate(Filter(), 1000))) == 301
    figures = store.overview(NOW - 2 * 86_400 * SECOND, NOW + SECOND, Filter())
    assert figures.total == sum(figures.outcomes.values()) == 301


def test_a_delivery_that_comes_twice_in_one_batch_is_kept_once(store: Store) -> None:
    store.write(batch(one(), one())).result(20)
    assert len(store.deliveries(Filter(), 10).deliveries) == 1


def is_sqlite(store: Store) -> bool:
    return isinstance(store._history, SqlHistory) and store._database.mark == "?"


def test_what_can_never_be_kept_is_refused_and_its_neighbours_are_not(store: Store) -> None:
    good = store.write(batch(*deliveries(10)))
    with pytest.raises(BatchRefused, match="ValueError"):
        store.write(batch(one(outcome="nonsense")))
    # Only the database finds out.
    bad = store.write(batch(one(id="bad", signature_valid="perhaps"), one(id="neighbour in the batch")))
    also_good = store.write(batch(*deliveries(10, seed=2)))
    good.result(20)
    also_good.result(20)
    # SQLite keeps it.
    if not is_sqlite(store):
        with pytest.raises(BatchRefused):
            bad.result(20)
        assert store.delivery("neighbour in the batch") is None
        assert len(store.deliveries(Filter(), 50).deliveries) == 20


def test_text_that_a_database_refuses_is_shown_by_signs_and_kept_exactly(store: Store) -> None:
    written = one(
        event_type="a\0b", event_id="\ud800x", path="/\0", attributes={"body": "\0\ud800", "n": 2**80}
    )
    store.write(batch(written)).result(20)
    (listed,) = store.deliveries(Filter(event_type="a\0b"), 10).deliveries
    assert (listed.event_type, listed.event_id, listed.path) == ("a␀b", "?x", "/␀")
    assert store.deliveries(Filter(search="\ud800x"), 10).deliveries == [listed]
    kept = store.delivery(written.id)
    assert kept is not None
    assert kept.attributes == {"body": "\0?", "n": 2**63 - 1}


@pytest.mark.parametrize("reported", [0, -1, 2**63 - 1, 2**64, 32_503_680_000 * SECOND])
def test_a_time_that_cannot_be_right_gives_way_to_that_of_arrival(store: Store, reported: int) -> None:
    written = one(id="absurd", time_ns=NOW, reported_time_ns=None)
    store.write(batch(msgspec.structs.replace(written, time_ns=reported))).result(20)
    kept = store.delivery("absurd")
    assert kept is not None
    assert kept.time_ns == store.deliveries(Filter(), 1).deliveries[0].time_ns == NOW
    assert kept.reported_time_ns == min(reported, 2**63 - 1)


_TEXTS = st.text(st.characters(), max_size=700)
_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | _TEXTS
    | st.lists(_TEXTS, max_size=3)
)


@given(
    provider=_TEXTS,
    route=st.none() | _TEXTS,
    event_type=st.none() | _TEXTS,
    event_id=st.none() | _TEXTS,
    key=st.none() | _TEXTS,
    number=st.integers(),
    attributes=st.dictionaries(_TEXTS, _VALUES, max_size=4),
)
def test_whatever_strangers_put_into_it_is_kept_listed_and_found(
    store: Store,
    provider: str,
    route: str | None,
    event_type: str | None,
    event_id: str | None,
    key: str | None,
    number: int,
    attributes: dict[str, object],
) -> None:
    fields = {"provider": provider, "route": route, "event_type": event_type, "event_id": event_id}
    written = one(
        id="it", idempotency_key=key, status=number, body_size=number, attributes=attributes, **fields
    )
    written = msgspec.structs.replace(written, id=f"{hash(str(written)):x}")
    store.write(batch(written)).result(20)
    kept = store.delivery(written.id)
    assert kept is not None
    wanted = Filter(provider=provider, route=route, event_type=event_type, search=written.id)
    assert [delivery.id for delivery in store.deliveries(wanted, 10).deliveries] == [written.id]
    assert written.id in {delivery.id for delivery in store.same_event(kept)} or (
        event_id is None and key is None
    )


def test_spans_of_a_trace_come_back_in_the_order_in_which_they_began(store: Store) -> None:
    spans = [span("a" * 32, number) for number in (3, 1, 2)]
    store.write(batch(*spans, span("b" * 32, 1))).result(20)
    store.write(batch(*spans)).result(20)
    assert store.spans("a" * 32) == sorted(spans, key=lambda one: one.time_ns)
    assert store.spans("0" * 32) == []


def test_a_trace_keeps_200_spans_and_a_large_span_its_place(store: Store) -> None:
    for start in range(0, 300, 100):
        store.write(batch(*(span("a" * 32, number) for number in range(start, start + 100)))).result(20)
    assert [one.span_id for one in store.spans("a" * 32)] == [f"{number:016x}" for number in range(200)]
    # What no compression makes smaller.
    noise = "".join(map(chr, Random(1).choices(range(33, 9000), k=200_000)))  # noqa: S311
    store.write(batch(span("b" * 32, 1, attributes={"noise": noise}))).result(20)
    (large,) = store.spans("b" * 32)
    assert (large.name, large.attributes) == ("SELECT shop", {})


def test_deferred_work_is_found_from_its_delivery_even_in_a_full_trace(store: Store) -> None:
    delivery = one(outcome="deferred")
    full = [span("f" * 32, number) for number in range(2, 202)]
    store.write(batch(delivery, *full)).result(20)
    done = process_span(delivery)
    store.write(batch(done)).result(20)
    assert store.deferred_of(delivery) == [done]
    assert store.deferred_of(one(id="other", trace_id="", span_id="")) == []


def test_deliveries_of_the_same_event_or_key_belong_together_oldest_first(store: Store) -> None:
    first = one(id="1", time_ns=NOW - 9, provider="stripe", event_id="evt_1", idempotency_key="k")
    retry = one(id="2", time_ns=NOW - 5, provider="stripe", event_id="evt_1", idempotency_key=None)
    by_key = one(id="3", time_ns=NOW - 7, provider="stripe", event_id=None, idempotency_key="k")
    stranger = one(id="4", time_ns=NOW, provider="github", event_id="evt_1", idempotency_key=None)
    store.write(batch(retry, stranger, by_key, first)).result(20)
    assert [delivery.id for delivery in store.same_event(first)] == ["1", "3", "2"]
    assert [delivery.id for delivery in store.same_event(stranger)] == ["4"]


def test_at_most_a_hundred_of_the_same_event_are_shown(store: Store) -> None:
    store.write(
        batch(*(one(id=str(n), time_ns=NOW + n, provider="p", event_id="evt_1") for n in range(150)))
    ).result(20)
    delivery = store.delivery("0")
    assert delivery is not None
    assert [one.time_ns - NOW for one in store.same_event(delivery)] == list(range(100))


def test_a_new_file_is_nobody_else_s_to_read(tmp_path: Path, open_store: OpenStore) -> None:
    store = open_store(f"sqlite:///{tmp_path / 'outworx.db'}")
    store.write(batch(one())).result(20)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert (tmp_path / "outworx.db").is_file()


def test_what_was_written_is_there_after_the_store_was_closed(url: str, open_store: OpenStore) -> None:
    first = open_store(url)
    first.write(batch(one(id="queued")))
    first.close()
    assert open_store(url).delivery("queued") is not None
