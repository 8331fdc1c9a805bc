"""Spans that come before the delivery they belong to, and the traces whose delivery has come.

A span is of interest where its trace has a delivery. The delivery's own span often comes later (spans within it end
first, and a batch may be full between them), and its parent's after that. So spans of unknown traces wait a little,
in memory: a crash costs the context of a timeline, never a delivery. Where several servers share a database, the
delivery may have come to another one: it is looked for there (`due`).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from typing import Final, NamedTuple

from google.protobuf.message import DecodeError

from outworx_otel.server.ingest.otlp_spans import record_of
from outworx_otel.server.ingest.otlp_wire import Decoder, Span, TooManyValues
from outworx_otel.server.model import SpanRecord

MAX_SECONDS: Final = 60.0
MAX_BYTES: Final = 16 * 1024 * 1024
MAX_TRACE_BYTES: Final = 256 * 1024
MAX_KNOWN: Final = 20_000
LOOKS_AFTER: Final = (4.0, 50.0)
"""Seconds after which a trace's delivery is looked for in the database: it has come before, or comes meanwhile."""
MAX_LOOKED_FOR: Final = 2000
_OVERHEAD: Final = 512


class WaitingSpan(NamedTuple):
    """A span in its encoded form, which is smaller than the decoded one."""

    trace: bytes
    encoded: bytes
    service: str
    scope: str

    @property
    def cost(self) -> int:
        """Returns how many bytes it takes in here."""
        return len(self.encoded) + _OVERHEAD


def records_of(spans: Iterable[WaitingSpan]) -> list[SpanRecord]:
    """Spans decoded, as they are kept; without what cannot be decoded, or is too much for one request."""
    found: list[SpanRecord] = []
    decoder = Decoder()
    for span in spans:
        with contextlib.suppress(DecodeError, TooManyValues):
            found.append(record_of(Span.FromString(span.encoded), decoder, span.service, span.scope))
    return found


class _Trace:
    __slots__ = ("cost", "looks", "since", "spans")

    def __init__(self, since: float) -> None:
        self.since = since
        self.looks = 0
        self.spans: list[WaitingSpan] = []
        self.cost = _OVERHEAD


class WaitingSpans:
    """Bounded in seconds and bytes, in all and for each trace; called from any thread.

    Args:
        clock: seconds that only go up.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: OrderedDict[bytes, _Trace] = OrderedDict()
        self._bytes = 0
        # What may still be kept of each trace that has a delivery.
        self._known: OrderedDict[bytes, int] = OrderedDict()

    @property
    def size(self) -> int:
        """Returns how many bytes wait."""
        return self._bytes

    def arrived(self, traces: Collection[bytes]) -> list[WaitingSpan]:
        """Notes that deliveries of these traces have come. Returns the spans that waited for them."""
        taken: list[WaitingSpan] = []
        with self._lock:
            for trace in traces:
                waited = self._waiting.pop(trace, None)
                cost = 0
                if waited is not None:
                    self._bytes -= waited.cost
                    cost = waited.cost
                    taken += waited.spans
                self._known[trace] = self._known.get(trace, MAX_TRACE_BYTES) - cost
                self._known.move_to_end(trace)
            while len(self._known) > MAX_KNOWN:
                self._known.popitem(last=False)
        return taken

    def forget(self, traces: Collection[bytes]) -> None:
        """Drops what waits for deliveries of these traces, which were removed; spans that come later find none."""
        with self._lock:
            for trace in traces:
                self._known.pop(trace, None)
                waited = self._waiting.pop(trace, None)
                if waited is not None:
                    self._bytes -= waited.cost

    def due(self) -> list[bytes]:
        """Returns traces whose delivery is to be looked for now, some at a time; each is returned twice in all."""
        found: list[bytes] = []
        now = self._clock()
        with self._lock:
            self._drop_what_is_old(now)
            for trace, waiting in self._waiting.items():
                if waiting.looks < len(LOOKS_AFTER) and now - waiting.since >= LOOKS_AFTER[waiting.looks]:
                    waiting.looks += 1
                    found.append(trace)
                    if len(found) == MAX_LOOKED_FOR:
                        break
        return found

    def put_back(self, taken: Iterable[WaitingSpan]) -> None:
        """Takes spans back because their deliveries could not be written; the sender will send those again."""
        for span in taken:
            self._put(span)

    def admit(self, span: WaitingSpan) -> bool:
        """Returns whether a span is kept now; else it waits, or is over its trace's budget."""
        with self._lock:
            left = self._known.get(span.trace)
            if left is not None:
                if span.cost > left:
                    return False
                self._known[span.trace] = left - span.cost
                return True
        if span.cost <= MAX_TRACE_BYTES:
            self._put(span)
        return False

    def _put(self, span: WaitingSpan) -> None:
        now = self._clock()
        with self._lock:
            waiting = self._waiting.get(span.trace)
            if waiting is None:
                waiting = self._waiting[span.trace] = _Trace(now)
                self._bytes += waiting.cost
            if waiting.cost + span.cost <= MAX_TRACE_BYTES:
                waiting.spans.append(span)
                waiting.cost += span.cost
                self._bytes += span.cost
            self._drop_what_is_old(now)

    def _drop_what_is_old(self, now: float) -> None:
        while self._waiting:
            oldest = next(iter(self._waiting.values()))
            if self._bytes <= MAX_BYTES and now - oldest.since <= MAX_SECONDS:
                break
            self._waiting.popitem(last=False)
            self._bytes -= oldest.cost
