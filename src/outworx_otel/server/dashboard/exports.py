"""`/deliveries.json` and `/deliveries.csv`: the filtered list as a file."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, Final

import msgspec
from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from outworx_otel.server.documents import flat_document, summary_document
from outworx_otel.server.fields import FIELDS
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.formatting import number
from outworx_otel.server.model import StoredDelivery
from outworx_otel.server.store import Store

MAX_EXPORTED: Final = 100_000
_PIECE: Final = 200

COLUMNS: Final = tuple(field.json for field in FIELDS)
"""Of a CSV file: names as `GET /api/deliveries` has them; the duration is in seconds."""

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
            wanted = filter_of(request.query_params)
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


def _as_json(deliveries: Iterable[StoredDelivery], limit: int) -> Iterator[bytes]:
    """`{"deliveries": [...], "truncated": false}`, one delivery a line."""
    count, before = 0, b'{"deliveries": [\n'
    for piece in _pieces(deliveries):
        kept = piece[: max(limit - count, 0)]
        lines = [msgspec.json.encode(flat_document(delivery)) for delivery in kept]
        if lines:
            yield before + b",\n".join(lines)
            before = b",\n"
        count += len(piece)
    opened = b'{"deliveries": [\n' if not count else b""
    truncated = b"true" if count > limit else b"false"
    yield opened + b'\n], "truncated": ' + truncated + b"}\n"


def _as_csv(deliveries: Iterable[StoredDelivery], limit: int) -> Iterator[bytes]:
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerow(COLUMNS)
    count = 0
    for piece in _pieces(deliveries):
        for delivery in piece[: max(limit - count, 0)]:
            document = summary_document(delivery)
            writer.writerow([cell(document.get(name)) for name in COLUMNS])
        count += len(piece)
        yield written.getvalue().encode("utf-8", "replace")
        written.seek(0)
        written.truncate()
    if count > limit:
        writer.writerow([TRUNCATED])
    yield written.getvalue().encode()


def _pieces(deliveries: Iterable[StoredDelivery]) -> Iterator[list[StoredDelivery]]:
    source = iter(deliveries)
    while piece := list(itertools.islice(source, _PIECE)):
        yield piece


def cell(value: Any) -> str:
    """Returns a value for a spreadsheet, quoted so that it is not taken for a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return f"'{value}" if value.startswith(_FORMULA) else value
