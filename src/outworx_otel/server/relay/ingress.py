"""`/t/{slug}/...`: a caller is held until the answer of the developer's own machine is back."""

from __future__ import annotations

import asyncio
import datetime
import secrets
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from outworx_otel.http.headers import announced_length
from outworx_otel.server.relay import header_rules, slugs
from outworx_otel.server.relay.byte_budget import ByteBudget
from outworx_otel.server.relay.held_caller import Arrival, CallerAnswer, HeldCaller
from outworx_otel.server.relay.limits import RelayLimits
from outworx_otel.server.relay.relay import SHUTTING_DOWN, CallRefused, Relay
from outworx_otel.server.relay.tunnel_paths import TunnelPlace, place_of
from outworx_otel.server.relay.tunnel_session import TunnelSession

_BODILESS: Final = (204, 205, 304)
_PIECE: Final = 256 * 1024


class _HungUp(Exception):
    """The caller hung up, so there is nobody to answer."""


class Ingress:
    """The ASGI application of `/t/`."""

    def __init__(self, relay: Relay) -> None:
        self._relay = relay

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Holds the caller, by any method."""
        place = place_of(scope)
        # The slug is shown to the caller again only if it can be one.
        slug = place.slug if slugs.is_slug(place.slug) else ""
        budget = self._relay.bytes
        try:
            if self._relay.closed:
                answer = SHUTTING_DOWN
            else:
                session = self._relay.of_caller(place.slug)
                # Strangers who know one URL can fill that one session, and no other.
                budget = session.budget
                answer = await self._answer(scope, receive, place, session)
        except CallRefused as refused:
            answer = _plain(refused.status, refused.message)
        except _HungUp:
            return
        size = len(answer.body)
        if not budget.take(size):
            answer, size = _full(), 0
        try:
            await _send(self._relay, scope, send, slug, answer)
        finally:
            budget.give_back(size)

    async def _answer(
        self, scope: Scope, receive: Receive, place: TunnelPlace, session: TunnelSession
    ) -> CallerAnswer:
        relay, limits = self._relay, self._relay.limits
        host = _host(scope)
        if not header_rules.sound_host(host):
            raise CallRefused(400, "The Host header is not valid.")
        if relay.own_port is None and header_rules.is_part_of_a_page(scope["headers"]):
            raise CallRefused(403, "A page of this server may not take scripts and styles out of a tunnel.")
        if place.has_dots:
            raise CallRefused(400, "The path has a . or .. in it, which servers read differently.")
        if len(session.held) >= limits.max_held or relay.held >= limits.max_total_held:
            return _full()
        body = await _read(scope, receive, session.budget, limits)
        held = None
        if body is not None:
            held = self._hold(session, _arrival(scope, relay, place, host, body))
        return _full() if held is None else await self._wait(session, held, receive)

    def _hold(self, session: TunnelSession, arrival: Arrival) -> HeldCaller | None:
        """Queues the caller. Returns None if there is no room, or none any more after its body was read."""
        limits = self._relay.limits
        if session.closed or len(session.held) >= limits.max_held:
            return None
        deadline = asyncio.get_running_loop().time() + limits.response_timeout
        held = HeldCaller(arrival, session.next_order(), deadline)
        if not session.budget.take(held.charged):
            return None
        session.hold(held)
        return held

    async def _wait(self, session: TunnelSession, held: HeldCaller, receive: Receive) -> CallerAnswer:
        watch: asyncio.Future[Any] = asyncio.ensure_future(_hang_up(receive))
        try:
            timeout = held.deadline - asyncio.get_running_loop().time()
            watched: set[asyncio.Future[Any]] = {held.answer, watch}
            await asyncio.wait(watched, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            if held.answer.done():
                return held.answer.result()
            if watch.done():
                raise _HungUp
            return _late(held)
        finally:
            watch.cancel()
            session.let_go(held)


def _arrival(scope: Scope, relay: Relay, place: TunnelPlace, host: str, body: bytes) -> Arrival:
    event = secrets.token_hex(16)
    scheme = scope["scheme"]
    if relay.public_url is not None:
        scheme, _, rest = relay.public_url.partition("://")
        host = rest.partition("/")[0]
    passed = header_rules.for_the_local_server(
        scope["headers"],
        slug=place.slug,
        event=event,
        caller=scope["client"][0] if scope.get("client") else "",
        scheme=scheme,
        host=host,
        cookie=relay.cookie,
    )
    now = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds")
    return Arrival(
        event,
        scope["method"],
        place.path,
        scope["query_string"].decode("latin-1"),
        passed,
        body,
        now.replace("+00:00", "Z"),
    )


async def _read(scope: Scope, receive: Receive, budget: ByteBudget, limits: RelayLimits) -> bytes | None:
    """Returns the caller's body, None if there is no room for it. It counts as held while it is read.

    Raises:
        Refused: 413 for a body that is too long, 408 for one that is too long in coming.
    """
    too_long = CallRefused(413, f"The body is longer than {limits.max_body_bytes} bytes.")
    if (announced_length(_first(scope, b"content-length")) or 0) > limits.max_body_bytes:
        raise too_long
    body = bytearray()
    try:
        until = asyncio.get_running_loop().time() + limits.upload_timeout
        more = True
        while more:
            message = await _next(receive, until)
            chunk = message.get("body", b"")
            if len(body) + len(chunk) > limits.max_body_bytes:
                raise too_long
            if not budget.take(len(chunk)):
                return None
            body += chunk
            more = message.get("more_body", False)
        return bytes(body)
    finally:
        budget.give_back(len(body))


async def _next(receive: Receive, until: float) -> Message:
    try:
        message = await asyncio.wait_for(receive(), until - asyncio.get_running_loop().time())
    except (asyncio.TimeoutError, TimeoutError):
        raise CallRefused(408, "The body took too long to arrive.") from None
    if message["type"] == "http.disconnect":
        raise _HungUp
    return message


async def _hang_up(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(relay: Relay, scope: Scope, send: Send, slug: str, answer: CallerAnswer) -> None:
    status, pairs, body = answer.status, answer.headers, answer.body
    if not 200 <= status <= 599 or header_rules.too_large(pairs):
        refusal = _plain(502, "The local server's answer cannot be relayed.")
        status, pairs, body = refusal.status, refusal.headers, refusal.body
    headed = scope["method"] == "HEAD" or status == 304
    passed = header_rules.for_the_caller(
        pairs, slug=slug, own_origin=relay.own_port is not None, cookie=relay.cookie, bodiless=headed
    )
    if headed or status in _BODILESS:
        body = b""
    if not headed and status != 204:
        passed.append(("content-length", str(len(body))))
    if relay.closed:
        passed.append(("connection", "close"))
    raw = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in passed]
    await send({"type": "http.response.start", "status": status, "headers": raw})
    # In pieces, each of which waits until the one before is on its way.
    for begin in range(0, max(len(body), 1), _PIECE):
        end = begin + _PIECE
        piece = {"type": "http.response.body", "body": body[begin:end], "more_body": end < len(body)}
        await asyncio.wait_for(send(piece), relay.limits.upload_timeout)


def _plain(status: int, message: str, *more: tuple[str, str]) -> CallerAnswer:
    return CallerAnswer(
        status, (("content-type", "text/plain; charset=utf-8"), *more), f"{message}\n".encode()
    )


def _full() -> CallerAnswer:
    return _plain(503, "Too many deliveries are waiting in this tunnel.", ("retry-after", "5"))


def _late(held: HeldCaller) -> CallerAnswer:
    if held.client is None:
        return _plain(504, "No client is connected to this tunnel.")
    return _plain(504, "The local server did not answer in time.")


def _host(scope: Scope) -> str:
    return _first(scope, b"host") or ""


def _first(scope: Scope, name: bytes) -> str | None:
    for key, value in scope["headers"]:
        if key == name:
            text: str = value.decode("latin-1")
            return text
    return None
