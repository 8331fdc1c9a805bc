"""A store whose deliveries are those of the exporter's table; a database of its own holds sessions and the like."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Final, NoReturn, TypeVar, cast

from outworx_otel.server.collected.figures import TableFigures
from outworx_otel.server.collected.not_kept import NOT_KEPT, ONLY_READ, NotOfTheTable
from outworx_otel.server.collected.reader import TableReader
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.model import Batch, Choices, Filter, Overview, Summary
from outworx_otel.server.problems.problem import Problem, ProblemPage, State
from outworx_otel.server.problems.state import EndpointsOverview
from outworx_otel.server.store import Erased, Erasure, Store
from outworx_otel.server.store.history import HistoryReader

T = TypeVar("T")
_CHOICES_FOR: Final = 60.0
_FIGURES_FOR: Final = 10.0
_SHARE: Final = 10
_STEP: Final = 300 * 10**9


class CollectedHistory:
    """The exporter's table in the place of a history of one's own: it is read, and nothing is written.

    Args:
        table: the table.
        close: closes what it is asked by.
    """

    compresses = False

    def __init__(self, table: SpanTable, close: Callable[[], None]) -> None:
        self._table = table
        self.close = close

    def check(self) -> None:
        """Returns where it answers."""
        self._table.ends()

    @contextlib.contextmanager
    def read(self) -> Iterator[HistoryReader]:
        """See `store.history.History`."""
        yield TableReader(self._table)

    def prepare(self, deliveries: int, spans: int) -> NoReturn:
        """Never comes: nothing is written."""
        raise NotOfTheTable(ONLY_READ)

    def writer(self, connection: Any, *, careful: bool = False) -> NoReturn:
        """Never comes."""
        raise NotOfTheTable(ONLY_READ)

    def overwrite(self) -> None:
        """Nothing of it is removed here."""


class CollectedStore(Store):
    """Everything that is read of the table.

    Args:
        table: the exporter's.
        close: closes what it is asked by.
        state: the URL of the database beside it.
        options: of `Store`.
    """

    def __init__(self, table: SpanTable, close: Callable[[], None], state: str, **options: Any) -> None:
        super().__init__(state, **options)
        self._history = CollectedHistory(table, close)
        self._table = table
        self._figures = TableFigures(table)
        self._remembered: dict[object, tuple[float, object]] = {}
        self._remembering = threading.Lock()

    not_kept = NOT_KEPT

    def write(self, batch: Batch) -> NoReturn:
        """Raises: the collector writes it."""
        raise NotOfTheTable(ONLY_READ)

    def erase(self, which: Erasure) -> Future[Erased]:
        """Raises: nothing is removed from the table here."""
        raise NotOfTheTable(ONLY_READ)

    def erasable(self, which: Erasure) -> int:
        """Raises, as `erase`."""
        raise NotOfTheTable(ONLY_READ)

    def unhandled(self, of: Sequence[Summary]) -> set[str]:
        """The ids of those deliveries whose event went wrong and was not handled since."""
        return TableReader(self._table).unhandled(of)

    def overview(self, since: int, until: int, wanted: Filter, *, rates: bool = False) -> Overview:
        """Figures of a time; what `NOT_KEPT` names is left empty."""
        asked = ("overview", since // _STEP, until // _STEP, wanted)
        return self._remember(asked, _FIGURES_FOR, lambda: self._figures.overview(since, until, wanted))

    def endpoints(self, since: int, until: int, service: str | None = None) -> EndpointsOverview:
        """How every endpoint did that had a delivery in that time."""
        asked = ("endpoints", since // _STEP, until // _STEP, service)
        return self._remember(asked, _FIGURES_FOR, lambda: self._figures.endpoints(since, until, service))

    def choices(self) -> Choices:
        """What filters can be set to: what the newest deliveries have."""
        return self._remember("choices", _CHOICES_FOR, self._newest_choices)

    def problems(self, **asked: Any) -> ProblemPage:
        """Raises: they are not known."""
        raise NotOfTheTable

    def problem(self, id: int) -> Problem | None:
        """Raises, as `problems`."""
        raise NotOfTheTable

    def set_problem_state(self, id: int, state: State) -> Problem | None:
        """Raises, as `problems`."""
        raise NotOfTheTable

    def _newest_choices(self) -> Choices:
        window = TableReader(self._table).newest_window()
        return self._figures.choices(window.since, window.until)

    def _remember(self, asked: object, seconds: float, find: Callable[[], T]) -> T:
        """What was found, for so long, or ten times as long as it took: every reload of a page asks again."""
        with self._remembering:
            known = self._remembered.get(asked)
        if known is not None and time.monotonic() < known[0]:
            return cast(T, known[1])
        began = time.monotonic()
        found = find()
        now = time.monotonic()
        seconds = max(seconds, _SHARE * (now - began))
        with self._remembering:
            self._remembered = {one: kept for one, kept in self._remembered.items() if now < kept[0]}
            self._remembered[asked] = now + seconds, found
        return found
