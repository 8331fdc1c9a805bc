"""`/deliveries.json` and `/deliveries.csv`: the deliveries that the list's filter lets through, as a file."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from outworx_otel import semconv
from outworx_otel.server.dashboard.addresses import wanted_of
from outworx_otel.server.dashboard.legible import iso, number
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.model import Delivery
from outworx_otel.server.store import Store

MAX_EXPORTED: Final = 100_000
_PIECE: Final = 200
_OURS: Final = "outworx.webhook."

COLUMNS: Final[Sequence[tuple[str, Callable[[Delivery], Any]]]] = (
    ("id", lambda one: one.id),
    ("time", lambda one: iso(one.time_ns)),
    ("duration", lambda one: one.duration_ns / 1e9),
    ("outcome", lambda one: one.outcome),
    ("provider", lambda one: one.provider),
    ("event.type", lambda one: one.event_type),
    ("event.id", lambda one: one.event_id),
    (semconv.HTTP_METHOD, lambda one: one.method),
    (semconv.HTTP_ROUTE, lambda one: one.route),
    (semconv.URL_PATH, lambda one: one.path),
    (semconv.HTTP_STATUS, lambda one: one.status),
    ("signature.valid", lambda one: one.signature_valid),
    ("signature.reason", lambda one: one.reason),
    ("idempotency.outcome", lambda one: one.idempotency),
    ("idempotency.key", lambda one: one.idempotency_key),
    ("processing.status", lambda one: one.processing),
    ("silent_drop.cause", lambda one: one.cause),
    (semconv.HTTP_BODY_SIZE, lambda one: one.body_size),
    ("service.name", lambda one: one.service),
    ("trace_id", lambda one: one.trace_id),
    ("span_id", lambda one: one.span_id),
)
"""Names as `GET /api/deliveries` has them; the duration is in seconds."""

TRUNCATED: Final = f"Only the newest {number(MAX_EXPORTED)} are here: narrow the filter to have the rest."
# What a spreadsheet would take for a formula.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


class Export:
    """The view.

    Args:
        store: what is exported.
        kind: `json` or `csv`.
        limit: deliveries in one file.
    """

    def __init__(self, store: Store, kind: str, limit: int = MAX_EXPORTED) -> None:
        self._store = store
        self._kind = kind
        self._limit = limit

    async def send(self, request: Request) -> Response:
        """The filter's parameters as in the list."""
        try:
            wanted = filter_of(QueryParams(wanted_of(request.query_params)))
        except BadParameter as bad:
            return PlainTextResponse(f"{bad.name}: {bad.message}\n", 400)
        write = _as_json if self._kind == "json" else _as_csv
        pieces = write(self._store.iterate(wanted, self._limit + 1), self._limit)
        # The first one before the answer begins, so that a database that is away is a 503 and not half a file.
        first = await run_in_threadpool(next, pieces, "")
        headers = {
            "cache-control": "no-store",
            "content-disposition": f'attachment; filename="deliveries.{self._kind}"',
        }
        media_type = "application/json" if self._kind == "json" else "text/csv; charset=utf-8"
        rest = iterate_in_threadpool(itertools.chain([first], pieces))
        return StreamingResponse(rest, 200, headers, media_type)


def _as_json(deliveries: Iterable[Delivery], limit: int) -> Iterator[bytes]:
    """`{"deliveries": [...], "truncated": false}`, one delivery a line."""
    count, before = 0, b'{"deliveries": [\n'
    for piece in _pieces(deliveries):
        kept = piece[: max(limit - count, 0)]
        lines = [msgspec.json.encode(document_of(delivery)) for delivery in kept]
        if lines:
            yield before + b",\n".join(lines)
            before = b",\n"
        count += len(piece)
    opened = b'{"deliveries": [\n' if not count else b""
    truncated = b"true" if count > limit else b"false"
    yield opened + b'\n], "truncated": ' + truncated + b"}\n"


def document_of(delivery: Delivery) -> dict[str, Any]:
    """Everything of one; what is not known is left out."""
    document = {name: value for name, of in COLUMNS if (value := of(delivery)) is not None}
    for name, value in delivery.attributes.items():
        document.setdefault(name.removeprefix(_OURS), value)
    return document


def _as_csv(deliveries: Iterable[Delivery], limit: int) -> Iterator[bytes]:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow([name for name, _ in COLUMNS])
    count = 0
    for piece in _pieces(deliveries):
        for delivery in piece[: max(limit - count, 0)]:
            writer.writerow([cell(of(delivery)) for _, of in COLUMNS])
        count += len(piece)
        yield written.getvalue().encode("utf-8", "replace")
        written.seek(0)
        written.truncate()
    if count > limit:
        writer.writerow([TRUNCATED])
    yield written.getvalue().encode()


def _pieces(deliveries: Iterable[Delivery]) -> Iterator[list[Delivery]]:
    source = iter(deliveries)
    while piece := list(itertools.islice(source, _PIECE)):
        yield piece


def cell(value: Any) -> str:
    """A value for a spreadsheet, which must not take it for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return f"'{value}" if value.startswith(_FORMULA) else value
