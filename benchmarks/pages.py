"""How fast pages are read out of a large store: `python -m benchmarks.pages [--quick]`."""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.report import Verdict
from outworx_otel.server.model import Batch, Filter
from outworx_otel.server.store import Store

LIMIT_MS: Final = 100.0
ROUNDS: Final = 15
_MIB: Final = 1024 * 1024
_AT_ONCE: Final = 500
_HOW: Final = """\
A SQLite file in a temporary folder, deliveries spread over 30 days; 50 of them on a page. Times are those of the
store's call, in ms, by the wall clock: the first one, the median and the slowest of the rest."""


def main() -> int:
    """How many limits were not kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages")
    parser.add_argument("--quick", action="store_true", help="50,000 deliveries instead of 1,000,000")
    count = 50_000 if parser.parse_args().quick else 1_000_000
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    print(f"{_HOW}\n  {'':<36} {'first':>8} {'median':>8} {'slowest':>8}")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "outworx.db"
        store = Store(f"sqlite:///{file}", max_queued_bytes=64 * _MIB, max_bytes=64 * 1024 * _MIB)
        try:
            until = time.time_ns()
            took = fill(store, count, until)
            store.close()
            size = file.stat().st_size
            each = f"{count / took:,.0f}/s, {size / count:.0f} bytes each"
            print(f"{count:,} deliveries made up and written in {took:.0f} s: {each}")
            store = Store(f"sqlite:///{file}", max_queued_bytes=64 * _MIB, max_bytes=64 * 1024 * _MIB)
            slowest = max(show(name, ask) for name, ask in questions(store, until))
        finally:
            store.close()
    verdict = Verdict(f"pages of {count:,}: the slowest median, ms", slowest, LIMIT_MS)
    print(f"  {verdict.what}: {verdict}")
    return int(not verdict.reached)


def fill(store: Store, count: int, until: int) -> float:
    """Writes deliveries of the 30 days before `until`; the seconds that it took, making them up included."""
    from server_store.samples import DAY, deliveries

    begun = time.monotonic()
    waiting: deque[Future[None]] = deque()
    made = deliveries(count, until - 30 * DAY + DAY // 100, until)
    while batch := list(itertools.islice(made, _AT_ONCE)):
        waiting.append(store.write(Batch(deliveries=batch, size=_AT_ONCE * 1000)))
        if len(waiting) > 20:
            waiting.popleft().result()
    for future in waiting:
        future.result()
    return time.monotonic() - begun


def questions(store: Store, until: int) -> Iterator[tuple[str, Callable[[], Any]]]:
    """What pages ask."""
    from server_store.samples import DAY

    def page(cursor: str | None = None, **wanted: Any) -> Callable[[], Any]:
        return lambda: store.deliveries(Filter(**wanted), 50, cursor)

    newest = store.deliveries(Filter(), 1).deliveries[0]
    yield "list", page()
    middle = store.deliveries(Filter(until=until - 15 * DAY), 50).next_cursor
    yield "list, deep", page(middle)
    for name, value in (
        *(("provider", "stripe"), ("event_type", "push"), ("route", "/webhooks/erp"), ("service", "bot")),
        *(("outcome", "silent_drop"), ("reason", "timestamp_too_old"), ("cause", "swallowed_exception")),
        *(("idempotency", "in_flight"), ("provider", "nobody"), ("event_type", "nothing")),
    ):
        yield f"{name}={value}", page(**{name: value})
    rare: dict[str, Any] = {"event_type": "sms.received", "cause": "swallowed_exception"}
    yield "event_type and cause, rare", page(**rare)
    yield "event_type and cause, rare, deep", page(middle, **rare)
    yield "provider and reason and no match", page(provider="twilio", reason="parsed_body")
    yield "since and until", page(since=until - 20 * DAY, until=until - 19 * DAY)
    yield "outcome, since and until", page(outcome="error", since=until - 20 * DAY, until=until - 19 * DAY)
    for what, term in (
        ("id", newest.id),
        ("beginning of an id", newest.id[:6]),
        ("event id", newest.event_id),
        ("trace id", newest.trace_id),
        ("idempotency key", newest.idempotency_key or "0" * 64),
        ("nothing that is there", "evt_nowhere"),
    ):
        yield f"search: {what}", page(search=term)
    yield (
        "delivery",
        lambda: (store.delivery(newest.id), store.spans(newest.trace_id), store.deferred_of(newest)),
    )
    yield "others of the same event", lambda: store.same_event(newest)
    for days in (1, 7, 30):
        yield (
            f"overview of {days} days",
            lambda days=days: store.overview(until - days * DAY, until, Filter()),
        )
    yield (
        "overview of 30 days, one provider",
        lambda: store.overview(until - 30 * DAY, until, Filter(provider="stripe")),
    )
    yield "choices", store.choices


def show(name: str, ask: Callable[[], Any]) -> float:
    """Prints the times, and returns the median of all but the first, in ms."""
    times = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        ask()
        times.append((time.perf_counter() - begun) * 1000)
    first, rest = times[0], times[1:]
    print(f"  {name:<36} {first:>8.2f} {median(rest):>8.2f} {max(rest):>8.2f}", flush=True)
    return median(rest)


if __name__ == "__main__":
    sys.exit(main())
