"""The calls of a tunnel's client: open a session, poll, respond, end."""

from __future__ import annotations

import asyncio
import datetime
import hashlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from outworx_otel.server.relay import call_shapes
from outworx_otel.server.relay.relay import CLIENT_GONE, CallRefused, Relay
from outworx_otel.server.relay.tunnel_session import TunnelSession

T = TypeVar("T")

_MAX_NAME: Final = 128
_MAX_EVENTS: Final = 100
_MAX_POLL_BYTES: Final = 8 * 1024 * 1024
_encode: Final = msgspec.json.Encoder().encode


class Calls:
    """The endpoints. Access was checked before; the API key tells whose call it is."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def open(self, request: Request) -> Response:
        """`POST /api/forward/sessions`."""
        call = await self._read(request, call_shapes.OpenCall, call_shapes.MAX_TEXT)
        session, secret = self._relay.open(_owner(request), call.resume)
        if call.replaces:
            session.bury(call.replaces, CLIENT_GONE)
        base = self._relay.public_url or self._address(request)
        until = datetime.datetime.fromtimestamp(session.expires_at, datetime.timezone.utc)
        return _json(
            call_shapes.Opened(
                session.id,
                f"{base}/t/{session.slug}",
                until.strftime("%Y-%m-%dT%H:%M:%SZ"),
                session.slug,
                secret,
                session.queued,
            )
        )

    async def poll(self, request: Request) -> Response:
        """`GET /api/forward/poll`: held open until there is something."""
        asked = request.query_params
        session = self._relay.of_client(asked.get("session", ""), _owner(request))
        if self._relay.closed:
            raise CallRefused(503, "the server is being stopped")
        client = asked.get("client", "")[:_MAX_NAME]
        limit = min(_number(asked.get("max"), _MAX_EVENTS), _MAX_EVENTS)
        if client:
            session.acknowledge(client, _number(asked.get("ack"), 0))
        gone = bool(limit) and not await self._something(session, request)
        loop = asyncio.get_running_loop()
        session.polled_at = loop.time()
        # From here to the answer nothing is awaited: no other poll can come between.
        taken = [] if gone else session.take(limit, _MAX_POLL_BYTES)
        arrivals = [(held.arrival, held.deadline - loop.time()) for held in taken if held.arrival is not None]
        if client:
            events = [call_shapes.as_bytes(arrival, max(left, 0.0)) for arrival, left in arrivals]
            return _json(call_shapes.ExactPoll(events, session.lend(client, taken)))
        session.hand_over(taken)
        return _json(call_shapes.TextPoll([call_shapes.as_text(arrival) for arrival, _ in arrivals]))

    async def respond(self, request: Request) -> Response:
        """`POST /api/forward/responses`."""
        limits = self._relay.limits
        call = await self._read(request, call_shapes.ResponseCall, limits.max_call_bytes)
        answer = call.answer()
        if len(answer.body) > limits.max_body_bytes:
            raise CallRefused(413, f"the body is longer than {limits.max_body_bytes} bytes")
        held = self._relay.find_held(call.eventId, _owner(request))
        if held is None or not held.settle(answer):
            raise CallRefused(404, "nobody waits for this answer any more")
        return _json({"ok": True})

    async def end(self, request: Request) -> Response:
        """`DELETE /api/forward/sessions/{id}`."""
        self._relay.end(self._relay.of_client(request.path_params["id"], _owner(request)))
        return _json({"ok": True})

    async def _something(self, session: TunnelSession, request: Request) -> bool:
        """Waits until there may be something, or long enough; False if the client has hung up."""
        session.polls += 1
        waiting = asyncio.ensure_future(session.wait())
        hung_up = asyncio.ensure_future(_hang_up(request))
        try:
            await asyncio.wait(
                {waiting, hung_up},
                timeout=self._relay.limits.poll_timeout,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if hung_up.done() and waiting.done():
                session.pass_on()
            return not hung_up.done()
        finally:
            session.polls -= 1
            waiting.cancel()
            hung_up.cancel()

    async def _read(self, request: Request, kind: type[T], limit: int) -> T:
        body = bytearray()
        budget = self._relay.bytes
        try:
            async for chunk in request.stream():
                if len(body) + len(chunk) > limit:
                    raise CallRefused(413, f"the call is longer than {limit} bytes")
                if not budget.take(len(chunk)):
                    raise CallRefused(503, "the relay holds as much as it may; try again in a second")
                body += chunk
        except ClientDisconnect:
            raise CallRefused(400, "the call was cut short") from None
        finally:
            budget.give_back(len(body))
        try:
            return msgspec.json.decode(bytes(body) or b"{}", type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise CallRefused(400, f"the body is not what this call takes: {error}") from None

    def _address(self, request: Request) -> str:
        """The server's own address, as the client has reached it."""
        url = request.url
        if self._relay.own_port is None:
            return f"{url.scheme}://{url.netloc}"
        host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
        return f"{url.scheme}://{host}:{self._relay.own_port}"


def answering(call: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    """The call, its refusals as JSON."""

    async def answer(request: Request) -> Response:
        try:
            return await call(request)
        except CallRefused as refused:
            return _json({"error": refused.message}, refused.status)

    return answer


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _owner(request: Request) -> str:
    """Whose call it is. Who may call at all was decided before."""
    return hashlib.sha256(request.headers.get("authorization", "").encode()).hexdigest()


def _number(text: str | None, default: int) -> int:
    return int(text) if text and text.isascii() and text.isdecimal() and len(text) < 10 else default


def _json(value: Any, status: int = 200) -> Response:
    return Response(_encode(value), status, {"cache-control": "no-store"}, "application/json")
