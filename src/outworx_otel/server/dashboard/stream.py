"""`/live`: sends new deliveries to open lists as server-sent events."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from outworx_otel.server.dashboard.matching import matches
from outworx_otel.server.dashboard.page_addresses import Asked, address, wanted_of
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.live import MAX_LISTENERS, Live, TooManyListeners
from outworx_otel.server.model import Filter, Summary

MAX_ROWS: Final = 50
_REMEMBERED: Final = 4 * MAX_ROWS
# In a flood a page gets the newest four times a second, and how many it was spared.
_PAUSE_SECONDS: Final = 0.25


class LiveStream:
    """The view.

    Args:
        live: tells of new deliveries.
        pages: renders their rows.
        heartbeat_seconds: how long at most a page hears nothing. Heartbeats are events, because a script does not
            see comments.
    """

    def __init__(self, live: Live, pages: Pages, heartbeat_seconds: float) -> None:
        self._heartbeat = heartbeat_seconds
        self._live = live
        self._pages = pages
        # Many pages are open on the same deliveries.
        self._rendered: OrderedDict[str, str] = OrderedDict()

    async def open(self, request: Request) -> Response:
        """The filter's parameters as in the list; an event `deliveries` is `{"rows": html, "spared": n}`.

        An event `heartbeat` comes where there is no other for as long as `ready` says, in seconds.
        """
        try:
            wanted = filter_of(request.query_params)
        except BadParameter as bad:
            return PlainTextResponse(f"{bad.name}: {bad.message}\n", 400)
        if self._live.listeners >= MAX_LISTENERS:
            text = f"{MAX_LISTENERS} pages are being kept up to date already; close some.\n"
            return PlainTextResponse(text, 503, {"retry-after": "30"})
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
        within = wanted_of(request.query_params)
        return StreamingResponse(self._events(wanted, within), 200, headers, "text/event-stream")

    async def _events(self, wanted: Filter, within: Asked) -> AsyncIterator[str]:
        try:
            with self._live.listen() as listener:
                yield f'event: ready\ndata: {{"heartbeat": {self._heartbeat}}}\n\n'
                said = time.monotonic()
                while not listener.closed:
                    due = said + self._heartbeat - time.monotonic()
                    arrived, lost = await listener.next(max(due, 0.0))
                    fitting = [delivery for delivery in arrived if matches(wanted, delivery)]
                    if fitting or lost:
                        shown = sorted(fitting, key=lambda one: one.time_ns, reverse=True)[:MAX_ROWS]
                        rows = "".join(self._row(delivery, within) for delivery in shown)
                        news = {"rows": rows, "spared": len(fitting) - len(shown) + lost}
                        yield f"event: deliveries\ndata: {msgspec.json.encode(news).decode()}\n\n"
                    elif time.monotonic() - said >= self._heartbeat:
                        yield "event: heartbeat\ndata: {}\n\n"
                    else:
                        continue
                    said = time.monotonic()
                    await asyncio.sleep(_PAUSE_SECONDS)
        except TooManyListeners:
            yield "event: full\ndata: {}\n\n"

    def _row(self, delivery: Summary, within: Asked) -> str:
        key = address(delivery.id, within)
        row = self._rendered.get(key)
        if row is None:
            row = self._pages.fragment("_rows.html", deliveries=(delivery,), within=within)
            self._rendered[key] = row
            if len(self._rendered) > _REMEMBERED:
                self._rendered.popitem(last=False)
        return row
