"""Replays what is still unhandled: which events, how each is signed, and the runs that send them to this machine."""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from outworx_otel.errors import OutworxError
from outworx_otel.server.dashboard.replay_button import TIMEOUT_SECONDS, Replayed
from outworx_otel.server.documents import DeliveryTruth, flat_document, summary_document
from outworx_otel.server.formatting import duration
from outworx_otel.server.genuine import is_genuine
from outworx_otel.server.model import Filter
from outworx_otel.server.replay import (
    MAX_UNANSWERED,
    ChosenEvent,
    Credentials,
    Fate,
    Outgoing,
    ReplayedEvent,
    ReplayError,
    ReplaySender,
    Resending,
    StoredRequest,
    choose_events,
    credentials_for,
    resigned,
    target_url,
)
from outworx_otel.server.replay.sending import loopback_addresses
from outworx_otel.server.store import Store, StoreUnavailable

MAX_EVENTS: Final = 200
"""Of one run; who has more begins again."""

MAX_PAGES: Final = 20
_PAGE: Final = 500
MAX_RUNS: Final = 20
"""That are remembered, and replays of one delivery, in memory alone."""

_STOPS_WITHIN: Final = 2.0
_logger: Final = logging.getLogger("outworx_otel.server")


class ResultLine(NamedTuple):
    """What became of an event, as the page shows it: without bodies, of which there may be many.

    Args:
        delivery: whose bytes were sent; else the newest attempt.
        said: the answer, or why there is none.
    """

    name: str
    event_type: str | None
    place: str
    delivery: str
    fate: Fate
    status: int | None
    took: str
    said: str

    @classmethod
    def of(cls, result: ReplayedEvent) -> ResultLine:
        """Of a result."""
        event, answer = result.event, result.answer
        return cls(
            event.name,
            event.event_type,
            event.place,
            result.delivery or event.deliveries[0],
            result.fate,
            None if answer is None else answer.status,
            "" if answer is None else duration(int(answer.seconds * 1e9)),
            result.why or ("" if result.request is None else result.request.note),
        )


class Unhandled:
    """The events of a filter that went wrong and were not handled since.

    Args:
        store: where they are kept.
        wanted: the filter of their deliveries.
    """

    def __init__(self, store: Store, wanted: Filter) -> None:
        self._store = store
        self._wanted = wanted
        self._cut = False

    def chosen(self) -> tuple[list[ChosenEvent], bool]:
        """Returns them, those first that came first, and whether there may be more. Blocks.

        Raises:
            QueryTooWide: a search that has too much to look through.
        """
        events, more = choose_events(self._listed(), MAX_EVENTS)
        return events, more or self._cut

    def _listed(self) -> Iterator[dict[str, Any]]:
        cursor = None
        for _ in range(MAX_PAGES):
            page = self._store.deliveries(self._wanted, _PAGE, cursor)
            ids = self._store.unhandled(page.deliveries)
            yield from (summary_document(one) for one in page.deliveries if one.id in ids)
            cursor = page.next_cursor
            if cursor is None:
                return
        self._cut = True

    def resending(self, target: str, send: Callable[[Outgoing], Any] | None) -> Resending:
        """How they are sent to a target; None: a dry run."""
        return Resending(self._fetch, _Signing(target).prepare, send, only_unhandled=True)

    def _fetch(self, id: str) -> Mapping[str, Any] | None:
        found = self._store.delivery(id)
        if found is None:
            return None
        unhandled = id in self._store.unhandled([found])
        return flat_document(found, DeliveryTruth(unhandled=unhandled, genuine=is_genuine(found)))


class _Signing:
    """Signs anew; reads each endpoint's secret once."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._known: dict[tuple[str, str], Credentials] = {}

    def prepare(self, stored: StoredRequest, verified: bool) -> Outgoing:
        key = (stored.provider, stored.path)
        try:
            if key not in self._known:
                self._known[key] = credentials_for(*key)
            found = self._known[key]
            url = target_url(self._target, stored)
            request = resigned(stored, found.secret, url=url, public_url=found.public_url)
        except OutworxError as error:
            raise ReplayError(str(error)) from error
        if verified and not request.fresh:
            raise ReplayError(
                f"it cannot be signed anew: {found.problem or request.unsigned}"
                f"{'' if found.secret else f'; {found.source} would be read where this server runs'}"
            )
        return request


def target_problem(target: str) -> str | None:
    """Returns why nothing can be sent to a target; None where it is an application on this machine. Blocks."""
    try:
        loopback_addresses(urlsplit(target_url(target)).hostname or "")
    except OutworxError as error:
        return str(error)
    return None


class ReplayRun:
    """A run: what it sends where, and how far it has come. One thread writes it, pages read it.

    Args:
        chosen: the events, in their order.
        target: where to.
        back: the address of the page that it was begun on.
    """

    def __init__(self, chosen: Sequence[ChosenEvent], target: str, back: str) -> None:
        self.id = secrets.token_urlsafe(9)
        self.target = target
        self.back = back
        self.total = len(chosen)
        self.began_ns = time.time_ns()
        self.lines: list[ResultLine] = []
        self.counts: Counter[str] = Counter()
        self.is_over = False
        self.stopped = ""
        self.stopping = threading.Event()
        self._chosen = chosen

    @property
    def told(self) -> int:
        """How many events it has come to an end with."""
        return self.counts.total()

    def send(self, resending: Resending) -> None:
        """Sends one after the other, until all are sent or it is to stop."""
        for result in resending.each(self._chosen):
            self.counts[result.fate.value] += 1
            self.lines.append(ResultLine.of(result))
            if self.stopping.is_set():
                self.stopped = "It was stopped."
                return
        if self.told < self.total:
            self.stopped = f"{MAX_UNANSWERED} in a row had no answer, so it stopped."

    def end(self) -> None:
        """It is over, and needs no more than what it shows."""
        self.is_over, self._chosen = True, ()


class ReplayRuns:
    """The runs of this server, one at a time. They are remembered as long as it runs.

    Args:
        store: what is read from.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs: dict[str, ReplayRun] = {}
        self._single: dict[str, tuple[str, Replayed]] = {}
        self._thread: threading.Thread | None = None

    def find(self, id: str) -> ReplayRun | None:
        """One of them; None where it is not known here."""
        return self._runs.get(id)

    def keep(self, delivery: str, replayed: Replayed) -> str:
        """Remembers what became of one delivery; returns the name of it."""
        name = secrets.token_urlsafe(9)
        self._single[name] = delivery, replayed
        for old in list(self._single)[:-MAX_RUNS]:
            del self._single[old]
        return name

    def kept(self, name: str, delivery: str) -> Replayed | None:
        """What became of a delivery by that name; None where it is not known here."""
        of, replayed = self._single.get(name, ("", None))
        return replayed if of == delivery else None

    def forget(self, ids: Collection[str]) -> None:
        """Forgets what became of deliveries that were erased."""
        self._single = {name: one for name, one in self._single.items() if one[0] not in ids}
        for run in self._runs.values():
            # In its place, because a thread may add to it.
            for place in reversed(range(len(run.lines))):
                if run.lines[place].delivery in ids:
                    del run.lines[place]

    @property
    def under_way(self) -> ReplayRun | None:
        """The one that sends now."""
        return next((run for run in self._runs.values() if not run.is_over), None)

    def begin(self, run: ReplayRun, unhandled: Unhandled) -> bool:
        """Begins to send; False where another one is under way. On the event loop."""
        if self.under_way is not None:
            return False
        self._runs[run.id] = run
        for old in list(self._runs)[:-MAX_RUNS]:
            del self._runs[old]
        self._thread = threading.Thread(
            target=self._send, args=(run, unhandled), name="outworx-replay", daemon=True
        )
        self._thread.start()
        return True

    def _send(self, run: ReplayRun, unhandled: Unhandled) -> None:
        try:
            with ReplaySender(timeout=TIMEOUT_SECONDS, loopback_only=True) as sender:
                run.send(unhandled.resending(run.target, sender.send))
        except StoreUnavailable as error:
            run.stopped = f"The database cannot be read now: {error}"
        except Exception:
            _logger.exception("a replay of several events failed")
            run.stopped = "It failed by a fault of the server's: its log says what happened."
        finally:
            run.end()

    def stop(self) -> None:
        """Lets the one that is under way end after the event that it sends now."""
        run = self.under_way
        if run is not None:
            run.stopping.set()

    def close(self) -> None:
        """Stops, and waits for what is under way, two seconds at most."""
        self.stop()
        if self._thread is not None:
            self._thread.join(_STOPS_WITHIN)
