"""A page costs what it shows, however many deliveries there are: plans and instructions, no times."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, searching
from outworx_otel.server.store.places import PageStart, cursor_of
from server.store.conftest import MIB
from server.store.samples import DAY, NOW, batch, deliveries

ROWS = 50_000
_LARGE = (
    *("deliveries", "x", "y", "details", "spans", "rollups", "durations", "endpoint_figures", "events"),
)
_FILTERS: list[dict[str, Any]] = [
    {},
    {"provider": "stripe"},
    {"provider": "nobody"},
    {"event_type": "push"},
    {"event_type": "nothing"},
    {"route": "/webhooks/erp"},
    {"outcome": "accepted"},
    {"outcome": "silent_drop"},
    {"reason": "timestamp_too_old"},
    {"unverified": True},
    {"unverified": True, "provider": "stripe"},
    {"cause": "swallowed_exception"},
    {"idempotency": "in_flight"},
    {"service": "bot"},
    {"outcome": ("error", "failed"), "provider": ("stripe", "github")},
    {"event_type": ("push", "issues", "nothing")},
    {"since": NOW - DAY // 2, "until": NOW - DAY // 3},
    {"event_type": "sms.received", "cause": "swallowed_exception"},
    {"provider": "twilio", "reason": "parsed_body", "until": NOW - DAY // 2},
]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    file: Path = tmp_path_factory.mktemp("plans") / "outworx.db"
    store = Store(f"sqlite:///{file}", max_queued_bytes=64 * MIB, clock=lambda: NOW / 1e9)
    try:
        made = deliveries(ROWS)
        waiting = [store.write(batch(*(next(made) for _ in range(1000)))) for _ in range(ROWS // 1000)]
        for future in waiting:
            future.result(60)
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def observed(store: Store) -> Iterator[list[tuple[str, Any]]]:
    """The statements that are executed meanwhile."""
    seen: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_more: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            seen.append((statement, parameters))

    event.listen(store._database.reading, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(store._database.reading, "before_cursor_execute", note)


def plans(store: Store, ask: Callable[[], Any]) -> list[str]:
    """The steps of all statements that a question takes."""
    with observed(store) as seen:
        ask()
    with store._database.read() as connection:
        return [
            row[3]
            for statement, parameters in seen
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
        ]


def instructions(store: Store, ask: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> int:
    """Hundreds of SQLite's virtual machine's instructions that a question takes."""
    counted = 0

    @contextlib.contextmanager
    def counting(connection: Any, _seconds: float) -> Iterator[None]:
        def count() -> int:
            nonlocal counted
            counted += 1
            return 0

        connection.connection.driver_connection.set_progress_handler(count, 100)
        try:
            yield
        finally:
            connection.connection.driver_connection.set_progress_handler(None, 0)

    monkeypatch.setattr(store._database, "_limited", counting)
    ask()
    return counted


def no_table_is_scanned(steps: list[str]) -> None:
    scanned = [step for step in steps if step.startswith("SCAN") and step.split()[1] in _LARGE]
    assert scanned == []


@pytest.mark.parametrize("fields", _FILTERS, ids=str)
@pytest.mark.parametrize("deep", [False, True])
def test_a_page_is_read_off_an_index(
    filled: Store, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any], deep: bool
) -> None:
    cursor = cursor_of(PageStart(NOW - DAY // 2, 1)) if deep else None

    def ask() -> Any:
        return filled.deliveries(Filter(**fields), 50, cursor)

    steps = plans(filled, ask)
    no_table_is_scanned(steps)
    assert any("deliveries_" in step for step in steps)
    # What is sorted is at most a page of each facet; the list alone is in its index's order.
    assert fields.keys() - {"since", "until"} or not any("TEMP B-TREE" in step for step in steps)
    assert instructions(filled, ask, monkeypatch) < 1500


@pytest.mark.parametrize("fields", _FILTERS, ids=str)
def test_hits_and_neighbours_are_read_off_indices(
    filled: Store, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    middle = next(filled.iterate(Filter(until=NOW - DAY // 2), 1)).id
    for ask in (lambda: filled.hits(Filter(**fields)), lambda: filled.neighbours(Filter(**fields), middle)):
        no_table_is_scanned(plans(filled, ask))
        assert instructions(filled, ask, monkeypatch) < 700


@pytest.mark.parametrize("term", ["push", "webhooks", "no such text", "refund"])
def test_a_search_for_a_text_looks_through_no_more_than_it_may(
    filled: Store, monkeypatch: pytest.MonkeyPatch, term: str
) -> None:
    monkeypatch.setattr(searching, "LOOKED_THROUGH", 500)

    def ask() -> Any:
        return filled.deliveries(Filter(search=term), 50)

    no_table_is_scanned(plans(filled, ask))
    assert instructions(filled, ask, monkeypatch) < 4000


@pytest.mark.parametrize("name", ["id", "event_id", "trace_id", "idempotency_key"])
def test_a_search_is_read_off_an_index(filled: Store, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    term = next(
        value
        for one in filled.deliveries(Filter(), 50).deliveries
        if (value := getattr(one, name)) is not None
    )
    no_table_is_scanned(plans(filled, lambda: filled.deliveries(Filter(search=term), 50)))
    assert instructions(filled, lambda: filled.deliveries(Filter(search=term), 50), monkeypatch) < 100


def test_a_delivery_and_what_belongs_to_it_are_read_off_indices(filled: Store) -> None:
    delivery = filled.deliveries(Filter(outcome="replayed"), 1).deliveries[0]
    no_table_is_scanned(plans(filled, lambda: filled.delivery(delivery.id)))
    no_table_is_scanned(plans(filled, lambda: filled.spans(delivery.trace_id)))
    no_table_is_scanned(plans(filled, lambda: filled.deferred_of(delivery)))
    no_table_is_scanned(plans(filled, lambda: filled.same_event(delivery)))


@pytest.mark.parametrize("fields", [{}, {"provider": "stripe"}], ids=str)
def test_figures_read_no_delivery(
    filled: Store, monkeypatch: pytest.MonkeyPatch, fields: dict[str, Any]
) -> None:
    def ask() -> Any:
        return filled.overview(NOW - DAY, NOW, Filter(**fields))

    with observed(filled) as seen:
        ask()
        filled.choices()
        filled.endpoints(NOW - DAY, NOW)
    assert not any(re.search(r"(FROM|JOIN) (deliveries|details)", statement) for statement, _ in seen)
    no_table_is_scanned(plans(filled, ask))
    assert instructions(filled, ask, monkeypatch) < 6000


@pytest.mark.parametrize("length", [DAY // 24, DAY, 7 * DAY, 30 * DAY])
def test_what_is_told_of_endpoints_and_events_is_read_off_indices(filled: Store, length: int) -> None:
    def ask() -> Any:
        return (
            filled.overview(NOW - length, NOW, Filter()),
            filled.overview(NOW - length, NOW, Filter(service="bot")),
            filled.endpoints(NOW - length, NOW),
        )

    steps = plans(filled, ask)
    no_table_is_scanned(steps)
    # What came once and was handled is looked at for neither question.
    assert {"events_again", "events_unhandled"} <= set(re.findall(r"events_\w+", " ".join(steps)))


def test_problems_and_their_deliveries_are_read_off_indices(
    filled: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = max(filled.problems().problems, key=lambda one: one.deliveries)
    assert problem.deliveries > 50
    wanted = Filter(problem=problem.id)
    for ask in (
        lambda: filled.problems(state="open"),
        lambda: filled.problem(problem.id),
        lambda: filled.listed(wanted, 50),
        lambda: filled.neighbours(wanted, problem.last_delivery),
        lambda: filled.alerts(),
        lambda: filled.snapshot(lambda provider: 3600.0),
    ):
        no_table_is_scanned(plans(filled, ask))
    assert instructions(filled, lambda: filled.listed(wanted, 50), monkeypatch) < 1500


def test_unhandled_events_are_counted_in_ranges_and_never_sorted(filled: Store) -> None:
    with observed(filled) as seen:
        filled.overview(NOW - DAY, NOW, Filter())
        filled.problems(limit=200)
        filled.snapshot(lambda provider: 3600.0)
    asked = [one for one in seen if re.search(r"FROM events\b(?!.*deliveries > 1)", one[0], re.DOTALL)]
    assert len(asked) > 3
    with filled._database.read() as connection:
        for statement, parameters in asked:
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all()
            steps = [row[3] for row in plan]
            assert not any("TEMP B-TREE" in step for step in steps), steps
            told = [step for step in steps if " events" in step]
            assert all("USING COVERING INDEX events_" in step for step in told), told


def test_a_search_is_made_once_for_a_page_and_its_number_of_hits(filled: Store) -> None:
    with observed(filled) as page:
        assert filled.deliveries(Filter(search="webhooks"), 50).next_cursor
    with observed(filled) as both:
        assert filled.listed(Filter(search="webhooks"), 50)[1].at_least
    assert len(both) == len(page)


def test_an_export_reads_a_page_at_a_time(filled: Store) -> None:
    with observed(filled) as seen:
        assert sum(1 for _ in filled.iterate(Filter(), 1000)) == 1000
    assert len(seen) == 10
    with observed(filled) as seen:
        next(filled.iterate(Filter(), 50_000))
    assert len(seen) == 2
