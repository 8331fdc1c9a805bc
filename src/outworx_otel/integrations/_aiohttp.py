"""One request as aiohttp's server has it, at the door and at the handler."""

from __future__ import annotations

import asyncio
import time
import warnings
import weakref
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

from aiohttp import Payload, StreamReader, web

from outworx_otel.delivery import Delivery, InboundRequest, OutboundResponse, Respond
from outworx_otel.delivery.flow import Flow, run_async
from outworx_otel.delivery.track import TrackContext
from outworx_otel.http.headers import Headers, announced_length
from outworx_otel.integrations._adapter import HINTS, Adapter, Found, Reading, conclude
from outworx_otel.integrations._visit import VISIT, Visit

_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def resolved(router: Any, request: Any) -> tuple[Any, Found | None]:
    """What a router says of a request, and that in our words; None for aiohttp's own 404 and 405.

    Raises:
        Exception: a router of the application's own that has to wait for something.
    """
    asking = router.resolve(request)
    try:
        asking.send(None)
    except StopIteration as done:
        match = done.value
    else:
        asking.close()
        raise RuntimeError("the router waits")
    return match, None if match.http_exception is not None else found_in(match)


def template(match: Any) -> str | None:
    """The route's template."""
    return getattr(match.route.resource, "canonical", None)


def found_in(match: Any) -> Found:
    """What a router has found, in our words."""
    return Found(template(match), match.route.handler, dict(match))


class AioHttpAdapter(Adapter):
    """One request as aiohttp has it."""

    def __init__(self, request: Any, app: Any = None, visit: Visit | None = None) -> None:
        self._request = request
        self._app = app
        self._visit = visit
        self._match: Any = None
        self.start_ns = time.time_ns()

    def native(self) -> Any:
        """aiohttp's request."""
        return self._request

    def request(self) -> InboundRequest:
        """The request, without its body."""
        request = self._request
        pairs = request.raw_headers
        if request._message.compression:
            # aiohttp has undone it by the time anybody reads the body.
            pairs = tuple(pair for pair in pairs if pair[0].lower() != b"content-encoding")
        headers = Headers(pairs)
        size = announced_length(headers.get("content-length"))
        return InboundRequest(
            request.method.upper(), request.path, None, headers, None, size, self.url, self.native
        )

    def url(self) -> str:
        """The URL to the letter."""
        request = self._request
        letter = request.raw_path
        return f"{request.scheme}://{request.host}{letter}" if letter[:1] == "/" else str(request.url)

    def read_body(self, limit: int) -> Flow[Reading]:
        """Reads the stream, and puts another with the same bytes in its place."""
        request, visit = self._request, self._visit
        if visit is not None and visit.body is not None and visit.stream is request._payload:
            # Whatever read it before has read what the door has verified.
            return Reading(visit.body)
        if request._read_bytes is not None:
            return Reading(request._read_bytes)
        reading: Reading = yield _read(request, limit)
        return reading

    def lookup(self) -> Found | None:
        """What the router says."""
        self._match, found = resolved(self._app.router, self._request)
        return found

    def know_parameters(self, parameters: dict[str, Any]) -> None:
        """`request.match_info`, before the application has asked its router."""
        self._request._match_info = self._match

    def templates(self) -> Iterable[str]:
        """Every resource's."""
        return (resource.canonical for resource in self._app.router.resources())

    def place(self, visit: Visit) -> None:
        """Among the request's own values, which its clones have too."""
        visit.stream = self._request._payload
        self._request._state[VISIT] = visit

    def expose(self, track: TrackContext) -> None:
        """`request["outworx_track"]`; set from outside, aiohttp warns of keys that are text."""
        self._request._state["outworx_track"] = track

    def answer(self, answer: Respond) -> Flow[Any]:
        """A Response."""
        yield from ()
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    def status_of(self, error: BaseException) -> int | None:
        """The status of aiohttp's HTTPException."""
        return error.status if isinstance(error, web.HTTPException) else None

    def body_read(self) -> bytes | None:
        """What the handler has read and aiohttp has kept."""
        kept: bytes | None = self._request._read_bytes
        return kept

    def ended(self, delivery: Delivery, response: Any) -> Flow[None]:
        """Settles what the handler returned or has sent; a body that is a stream, at its end."""
        if not isinstance(response, web.StreamResponse):
            yield from conclude(delivery, TypeError(f"the handler returned {type(response).__name__}"))
            return
        body = response.body if isinstance(response, web.Response) else None
        kept = bytes(body) if delivery.endpoint.keeps_answer and isinstance(body, bytes | bytearray) else None
        answer = OutboundResponse(response.status, Headers(tuple(response.headers.items())), kept)
        if isinstance(response, web.Response) and isinstance(body, Payload) and not response.prepared:
            _Streamed(response, delivery, answer)
        else:
            yield from conclude(delivery, answer)


class _Streamed:
    """Tells a delivery when the server has sent an answer's stream to its end, or could not."""

    def __init__(self, response: web.Response, delivery: Delivery, answer: OutboundResponse) -> None:
        # The response holds this, and not the other way round: whoever lets it go ends the delivery.
        self._response = weakref.proxy(response)
        self._kind, self._delivery, self._answer = type(response), delivery, answer
        response.write_eof = self.write_eof  # type: ignore[method-assign]

    async def write_eof(self, data: bytes = b"") -> None:
        """Writes the whole body: the server calls it once the head is out."""
        writer = self._response._payload_writer
        if writer is not None:
            writer.write_eof = partial(self._last, writer.write_eof)
        try:
            await self._kind.write_eof(self._response, data)
        except Exception as error:
            await run_async(conclude(self._delivery, error))
            raise

    async def _last(self, write_eof: Any, chunk: bytes = b"") -> None:
        # Whoever has it all finds the key committed.
        await run_async(conclude(self._delivery, self._answer))
        await write_eof(chunk)

    def __del__(self) -> None:
        """A task was cancelled, or a middleware has put another answer in its place."""
        answer = self._answer
        self._delivery.end_without_waiting(OutboundResponse(answer.status, answer.headers, None, False))


async def _read(request: Any, limit: int) -> Reading:
    announced = announced_length(request.headers.get("Content-Length"))
    if announced is not None and announced > limit:
        return Reading(None, "too_large", HINTS["too_large"])
    if request.headers.get("Expect", "").lower() == "100-continue":
        # The application would say so only once it has been let in.
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0
    payload, parts, size = request._payload, [], 0
    try:
        while size <= limit and (part := await payload.readany()):
            parts.append(part)
            size += len(part)
    except Exception as error:  # noqa: BLE001  # the connection, or a chunk or an encoding that is none
        return Reading(None, "incomplete", f"{type(error).__name__} was raised while it was read.")
    body = b"".join(parts)
    if size > limit:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            payload.unread_data(body)
        return Reading(None, "too_large", HINTS["too_large"])
    if not body and announced:
        return Reading(None, "unreadable", HINTS["unreadable"])
    if body:
        # The buffer's limit is above its size: nobody else resumes a connection that it pauses.
        stream = StreamReader(request._protocol, size + 1, loop=asyncio.get_running_loop())
        stream.feed_data(body)
        stream.feed_eof()
        request._payload = stream
        request._cache.pop("content", None)
    return Reading(body)
