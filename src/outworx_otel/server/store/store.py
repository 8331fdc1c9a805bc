"""The store of deliveries: writes batches and answers queries."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final

from sqlalchemy import Connection, select, update
from sqlalchemy.exc import SQLAlchemyError

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.model import (
    Batch,
    Choices,
    Filter,
    Hits,
    Overview,
    Page,
    SpanRecord,
    StoredDelivery,
    Summary,
)
from outworx_otel.server.problems.alert import Alert
from outworx_otel.server.problems.finding import RuleFinding
from outworx_otel.server.problems.problem import Problem, ProblemPage, State
from outworx_otel.server.problems.snapshot import Snapshot
from outworx_otel.server.problems.state import EndpointsOverview, EndpointState
from outworx_otel.server.store import (
    alert_records,
    bounds,
    choices,
    endpoint_overview,
    joined,
    overview,
    problem_queries,
    rule_queries,
    schema,
    watch,
)
from outworx_otel.server.store.claims import Claims
from outworx_otel.server.store.columns.address import is_column_store
from outworx_otel.server.store.columns.history import ColumnHistory
from outworx_otel.server.store.database import open_database
from outworx_otel.server.store.database_errors import is_connection, is_of_the_batch, is_passing
from outworx_otel.server.store.erasure import Erased, erase
from outworx_otel.server.store.facets import MAX_FACETS, Facets, remove_unused_facets
from outworx_otel.server.store.history import Duplicates, Erasure, History, HistoryReader
from outworx_otel.server.store.kept_secrets import KeptSecrets
from outworx_otel.server.store.migrate import migrate
from outworx_otel.server.store.packing import Packed, Packing, packed
from outworx_otel.server.store.parted_history import history_of
from outworx_otel.server.store.places import (
    FIRST,
    MOST_COUNTED,
    FoundPlaces,
    cursor_of,
    hits_of,
    page_start_of,
)
from outworx_otel.server.store.problem_records import change_state
from outworx_otel.server.store.retention import Retention
from outworx_otel.server.store.sendings import Sendings
from outworx_otel.server.store.slot_sums import SlotSums
from outworx_otel.server.store.store_errors import BatchRefused, StoreUnavailable
from outworx_otel.server.store.transaction import Transactions
from outworx_otel.server.store.writer import Writer

DEFAULT_STATE: Final = "sqlite:///outworx-state.db"
_LEASE_NS = 120 * 10**9
_GIB = 1024**3
_AT_ONCE = 200
# A server may be ended and be back at once; for a lock both wait by themselves, `lock_seconds`.
_TRIES = 3
_TIDIES_AGAIN_AFTER = 30.0
# Seconds that exporters keep what was refused. A failure older than that says nothing about now.
_UNWELL_FOR = 60.0
_logger = logging.getLogger("outworx_otel.server")


class Store:
    """Everything that is kept. Its methods block, `write` but little: call them in a thread.

    Args:
        url: `sqlite:///path`, `postgresql+psycopg://...`, `clickhouse://...` or `chdb:///path`.
        state: where the last two keep what needs transactions: one of the first two; None: `DEFAULT_STATE`.
        max_queued_bytes: see `Settings`.
        retention_days: what arrived before is removed.
        max_bytes: deliveries go when the database grows beyond it, see `Retention`.
        lock_seconds: how long a write waits for another process's.
        max_facets: combinations of provider, route, service and results that are told apart.
        clock: Unix time in seconds.
        ticks: seconds that only go up.
        took: told how many seconds each transaction of the writer took.

    Raises:
        ConfigurationError: a URL that cannot be used.
        StoreUnavailable: the database cannot be opened; the message says what to do.
    """

    not_kept: str | None = None
    """What a store cannot tell, said in a sentence; None of one that tells everything."""

    def __init__(
        self,
        url: str,
        *,
        state: str | None = None,
        max_queued_bytes: int,
        retention_days: float = 30.0,
        max_bytes: int = 4 * _GIB,
        lock_seconds: float = 5.0,
        max_facets: int = MAX_FACETS,
        clock: Callable[[], float] = time.time,
        ticks: Callable[[], float] = time.monotonic,
        took: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._clock = clock
        self._refused: tuple[float, str] | None = None
        in_columns = is_column_store(url)
        if state is not None and not in_columns:
            raise ConfigurationError(
                "--state is for clickhouse:// and chdb://: every other database has its own"
            )
        self._database = database = open_database(
            (state or DEFAULT_STATE) if in_columns else url, lock_seconds
        )
        self._history: History = history_of(database, retention_days, clock)
        try:
            migrate(database)
            with database.write() as connection:
                remove_unused_facets(connection, max_facets)
                clocks = watch.known_clocks(connection)
            if in_columns:
                self._history = ColumnHistory(url, database, clock)
        except SQLAlchemyError as error:
            database.close()
            raise StoreUnavailable(database.explain(error)) from error
        except (StoreUnavailable, ConfigurationError):
            database.close()
            raise
        self.claims = Claims(database.writing, database.look, connections=database.claimers)
        self.secrets = KeptSecrets(database)
        self._sums = SlotSums()
        self.sendings = Sendings(database, clock)
        self._transactions = Transactions(database.mark, Facets(max_facets), clocks)
        self._retention = Retention(database, self._history, retention_days, max_bytes, clock, ticks)
        self._writer = Writer(self._write, self._tidy, max_queued_bytes, took)

    def write(self, batch: Batch) -> Future[None]:
        """Queues a batch; the future is done once it is durable, all of it. About 20 µs for each delivery.

        The future raises `StoreUnavailable`: nothing of it was written; it may be sent again, and is kept once.

        Raises:
            StoreBusy: too much is queued.
            BatchRefused: it holds what can never be kept.
        """
        self._writer.make_sure_of_room(batch.size)
        return self.write_packed(packed(batch, self.packing()), batch.size)

    def packing(self) -> Packing:
        """How a batch is packed that comes now, for `write_packed`."""
        return Packing(
            int(self._clock() * 1e9), self._transactions.clocks, compressed=not self._history.compresses
        )

    def make_sure_of_room(self, size: int) -> None:
        """Raises `StoreBusy` where so many bytes would be too much now, before they are packed for nothing."""
        self._writer.make_sure_of_room(size)

    def write_packed(self, batch: Packed, size: int) -> Future[None]:
        """As `write`, of a batch that is packed already, and takes so many bytes while it waits.

        Raises:
            StoreBusy: too much is queued.
        """
        return self._writer.submit(batch, size)

    def deliveries(self, wanted: Filter, limit: int, cursor: str | None = None) -> Page:
        """One page, newest first.

        Raises:
            BadCursor: not of a page before.
            QueryTooWide: a search that has too much to look through.
            StoreUnavailable: as from every method here, where the database does not answer.
        """
        after = page_start_of(cursor)
        with self._history.read() as history:
            return _page_of(history, history.places(wanted, after, limit + 1), limit)

    def listed(self, wanted: Filter, limit: int, cursor: str | None = None) -> tuple[Page, Hits]:
        """One page, and how many deliveries there are on all, counted to 1,000 at most; raises as `deliveries`."""
        after = page_start_of(cursor)
        with self._history.read() as history:
            # A search tells both at once.
            is_search = wanted.search is not None and cursor is None
            found = history.places(wanted, after, (MOST_COUNTED if is_search else limit) + 1)
            page = _page_of(history, found, limit)
            if is_search:
                return page, hits_of(found)
            if cursor is None and page.next_cursor is None:
                return page, Hits(len(page.deliveries))
            return page, history.hits(wanted)

    def hits(self, wanted: Filter) -> Hits:
        """How many there are, counted to 1,000 at most."""
        with self._history.read() as history:
            return history.hits(wanted)

    def neighbours(self, wanted: Filter, id: str) -> tuple[str | None, str | None]:
        """Ids of the newer and of the older one beside a delivery, of those that a filter lets through."""
        with self._history.read() as history:
            return history.neighbours(wanted, id)

    def delivery(self, id: str) -> StoredDelivery | None:
        """All of one."""
        with self._history.read() as history:
            return history.delivery(id)

    def spans(self, trace_id: str) -> list[SpanRecord]:
        """The other spans of a trace, in the order in which they began; at most 200 of each trace are kept."""
        with self._history.read() as history:
            return history.spans(trace_id)

    @property
    def queued(self) -> tuple[int, int]:
        """How many batches wait to be written, and how many bytes wait or are being written."""
        return self._writer.queued

    @property
    def kept(self) -> Mapping[tuple[str, str, str, str], int]:
        """How many deliveries this process has kept, by service, provider, route and outcome."""
        return self._transactions.kept.copy()

    def size(self) -> int | None:
        """Bytes that the database takes on the disk, as retention counts them; None where it does not answer."""
        try:
            with self._history.read() as history:
                return history.size()
        except StoreUnavailable:
            return None

    @property
    def is_shared(self) -> bool:
        """Whether other servers may write into the same database."""
        return not self._database.counts_free_room

    def traces_with_deliveries(self, traces: Sequence[str]) -> set[str]:
        """Those of the traces (ids in hexadecimal) that have a delivery, whichever server took it."""
        with self._history.read() as history:
            return history.traces_with_deliveries(traces)

    def deferred_of(self, delivery: Summary) -> list[SpanRecord]:
        """The `process` spans that are linked to a delivery."""
        with self._history.read() as history:
            return history.deferred_of(delivery)

    def same_event(self, summary: Summary) -> list[Summary]:
        """Deliveries of the same provider and event id, or the same key; this one too, oldest first, at most 100."""
        with self._history.read() as history:
            return history.same_event(summary)

    def unhandled(self, of: Sequence[Summary]) -> set[str]:
        """The ids of those deliveries whose event went wrong and was not handled since."""
        with self._database.read() as connection:
            return joined.unhandled(connection, self._database.mark, of)

    def erasable(self, which: Erasure) -> int:
        """How many deliveries `erase` would remove.

        Raises:
            QueryTooWide: it takes too long to count them.
        """
        with self._history.read() as history:
            return history.erasable(which)

    def erase(self, which: Erasure) -> Future[Erased]:
        """Removes some deliveries with all that is kept of them, between the writer's transactions.

        The future raises `StoreUnavailable`: nothing was removed.
        """

        def work() -> Erased:
            try:
                with self._database.erasing() as connection:
                    history = self._history.writer(connection)
                    erased = erase(connection, history, which)
                history.finish()
                return erased
            except SQLAlchemyError as error:
                raise StoreUnavailable(self._database.explain(error)) from error

        return self._writer.call(work)

    def overwrite(self) -> Future[str | None]:
        """Sees to it that nothing of what `erase` removed is left on the disk, see `Database.overwrite`."""

        def work() -> str | None:
            try:
                return self._history.overwrite()
            except StoreUnavailable as error:
                return f"it could not be overwritten: {error}"
            except (SQLAlchemyError, sqlite3.Error) as error:
                return f"it could not be overwritten: {self._database.explain(error)}"

        return self._writer.call(work)

    def overview(self, since: int, until: int, wanted: Filter, *, rates: bool = False) -> Overview:
        """Figures of a time, by provider, route and service of the filter.

        Args:
            since: Unix nanoseconds, rounded down to 5 minutes, or an hour where that is more than 3 days ago.
            until: not included; rounded up.
            rates: whether each slot says how many count for good and for bad.
        """
        now_ns = int(self._clock() * 1e9)
        with self._database.read() as connection:
            sums = self._sums.read(connection)
            return overview.overview(connection, sums, since, until, wanted, now_ns, rates=rates)

    def choices(self) -> Choices:
        """What filters can be set to."""
        with self._database.read() as connection:
            return choices.choices(connection, self._sums.read(connection), int(self._clock() * 1e9))

    def problems(
        self,
        *,
        state: str | None = None,
        service: str | None = None,
        provider: str | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> ProblemPage:
        """Problems, those first that came last.

        Raises:
            BadCursor: not of a page before.
        """
        with self._database.read() as connection:
            return problem_queries.problem_page(
                connection, state=state, service=service, provider=provider, limit=limit, cursor=cursor
            )

    def endpoints(self, since: int, until: int, service: str | None = None) -> EndpointsOverview:
        """How every endpoint does.

        Args:
            since: Unix nanoseconds, rounded down to 5 minutes, or an hour where that is more than 3 days ago.
            until: not included; rounded up.
            service: only this one's.
        """
        with self._database.read() as connection:
            now_ns = int(self._clock() * 1e9)
            sums = self._sums.read(connection)
            return endpoint_overview.endpoint_overview(connection, sums, since, until, service, now_ns)

    def problem(self, id: int) -> Problem | None:
        """One of them."""
        with self._database.read() as connection:
            return next(iter(problem_queries.problems_of(connection, [id])), None)

    def set_problem_state(self, id: int, state: State) -> Problem | None:
        """Sets a problem's state, from now on; None where there is no such problem."""
        with self._writing() as connection:
            change_state(connection, id, state, int(self._clock() * 1e9))
        return self.problem(id)

    def snapshot(self, too_long: Callable[[str], float]) -> Snapshot:
        """What the rules look at now.

        Args:
            too_long: after how many seconds an event of a provider is unhandled for too long.
        """
        now_ns = int(self._clock() * 1e9)
        with self._database.read() as connection:
            return rule_queries.snapshot(connection, self._sums.read(connection), now_ns, too_long)

    def arrivals(
        self, endpoint: EndpointState, since_ns: int, every: int | None, limit: int
    ) -> tuple[list[float], int]:
        """When an endpoint's last deliveries came (Unix seconds, in order), and one of how many was looked at.

        Args:
            every: look at one of so many; None: at as many as a rhythm is learnt from.
        """
        if every is None:
            with self._database.read() as connection:
                every = rule_queries.sampling(connection, endpoint, since_ns)
        with self._history.read() as history:
            return history.arrivals(endpoint, since_ns, every, limit), every

    def settle(
        self,
        findings: Collection[RuleFinding],
        endpoints: Mapping[int, Mapping[str, Any]],
        *,
        lease: str,
        holder: str,
    ) -> bool:
        """Keeps what the rules have found, unless the lease is another's by now; whether it was kept.

        Args:
            endpoints: what was learnt of endpoints: columns, by the endpoint's number.
        """
        now_ns = int(self._clock() * 1e9)
        with self._writing() as connection:
            if not alert_records.take_lease(connection, lease, holder, now_ns, now_ns + _LEASE_NS):
                return False
            for number, columns in endpoints.items():
                connection.execute(
                    update(schema.endpoints).where(schema.endpoints.c.id == number).values(**columns)
                )
            alert_records.settle(connection, findings, now_ns)
            bounds.keep_bounded(connection, now_ns)
        return True

    def take_lease(self, name: str, holder: str, seconds: float) -> bool:
        """Whether a piece of work, which one server does for all, is the holder's for so long."""
        now_ns = int(self._clock() * 1e9)
        with self._writing() as connection:
            return alert_records.take_lease(connection, name, holder, now_ns, now_ns + int(seconds * 1e9))

    def give_lease_back(self, name: str, holder: str) -> None:
        """Another server may do the work at once."""
        with self._writing() as connection:
            alert_records.give_lease_back(connection, name, holder)

    def alerts(self, *, raised: bool = False, limit: int = 100) -> list[Alert]:
        """Alerts, the last changed first.

        Args:
            raised: only those that go on.
        """
        with self._database.read() as connection:
            return alert_records.stored_alerts(connection, raised=raised, limit=limit)

    def iterate(self, wanted: Filter, limit: int) -> Iterator[StoredDelivery]:
        """Whole deliveries, newest first, some at a time from the database."""
        after = FIRST
        while limit > 0:
            with self._history.read() as history:
                found, onward = history.places(wanted, after, min(limit, _AT_ONCE))
                some = history.whole(found)
            yield from some
            if onward is None and not found:
                return
            after, limit = onward or found[-1], limit - len(found)

    def healthy(self) -> None:
        """Returns where the database answers, and took what was last written.

        Raises:
            StoreUnavailable: it does not, or did not within the last minute: a full disk can still be read.
        """
        refused = self._refused
        if refused is not None and 0 <= self._clock() - refused[0] < _UNWELL_FOR:
            raise StoreUnavailable(refused[1])
        with self._database.read() as connection:
            connection.execute(select(schema.tallies).limit(1)).all()
        self._history.check()

    def close(self) -> None:
        """Writes what is queued and closes the database."""
        self._writer.close()
        self.claims.close()
        self._history.close()
        self._database.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        """A transaction of its own beside the writer's."""
        try:
            with self._database.write() as connection:
                yield connection
        except SQLAlchemyError as error:
            raise StoreUnavailable(self._database.explain(error)) from error

    def _write(self, batches: Sequence[Packed]) -> Sequence[BaseException | None]:
        """All together, or, where one is to blame, each alone."""
        try:
            self._commit(batches)
        except StoreUnavailable as error:
            return self._not_now(str(error), batches)
        except (SQLAlchemyError, BatchRefused) as error:
            why = str(error) if isinstance(error, BatchRefused) else self._database.explain(error)
            if not isinstance(error, BatchRefused) and not is_of_the_batch(error):
                return self._not_now(why, batches)
            if len(batches) == 1:
                return [BatchRefused(why)]
            return [self._write([batch])[0] for batch in batches]
        self._refused = None
        return [None] * len(batches)

    def _not_now(self, why: str, batches: Sequence[Packed]) -> Sequence[BaseException]:
        self._refused = self._clock(), why
        return [StoreUnavailable(why)] * len(batches)

    def _tidy(self, written: int) -> float:
        """Some housekeeping; the seconds until the next."""
        try:
            return self._retention.step(written)
        except (SQLAlchemyError, StoreUnavailable) as error:
            why = str(error) if isinstance(error, StoreUnavailable) else self._database.explain(error)
            _logger.warning("old deliveries cannot be removed now: %s", why)
            return _TIDIES_AGAIN_AFTER

    def _commit(self, batches: Sequence[Packed]) -> None:
        careful = False
        tries = 0
        deliveries, spans = (
            sum(map(len, (getattr(batch, name) for batch in batches))) for name in ("rows", "spans")
        )
        while True:
            self._transactions.begin()
            try:
                self._history.prepare(deliveries, spans)
                with self._database.write() as connection:
                    history = self._history.writer(connection, careful=careful)
                    self._transactions.write(connection, history, batches)
                history.finish()
            except Duplicates:
                if careful:
                    raise
                careful = True
            except SQLAlchemyError as error:
                tries += 1
                lost = is_connection(error) and not self._database.counts_free_room
                # After a lost connection it is unknown whether it was written; a repeated id is kept once.
                if tries >= _TRIES or not (lost or is_passing(error)):
                    raise
                careful = True
            else:
                self._transactions.commit()
                return


def _page_of(history: HistoryReader, found: FoundPlaces, limit: int) -> Page:
    """A page of the first ones, out of one more than `limit` at least, where there are as many."""
    shown = history.summaries(found.places[:limit])
    if len(found.places) > limit:
        return Page(shown, cursor_of(found.places[limit - 1]))
    onward = found.onward
    return Page(shown, None) if onward is None else Page(shown, cursor_of(onward), onward.time_ns)
