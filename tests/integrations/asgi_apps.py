"""Starlette and FastAPI applications: with sync and async handlers, under two clients."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anyio
import anyio.lowlevel
import httpx
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from support.calls import PATH, Answer, Call, Handler, Reply, pairs


def starlette_response(reply: Reply) -> Response:
    headers = dict(reply.headers)
    if isinstance(reply.body, bytes):
        return Response(reply.body, reply.status, headers, reply.content_type or None)
    return StreamingResponse(reply.body, reply.status, headers, reply.content_type or None)


def _raw(headers: Any) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs(headers)]


def _call(request: Request, body: bytes) -> Call:
    return Call(body, getattr(request.state, "outworx_track", None), request)


def async_endpoint(handler: Handler, reads: bool = True) -> Any:
    async def endpoint(request: Request) -> Response:
        body = await request.body() if reads else b""
        await anyio.lowlevel.checkpoint()
        return starlette_response(handler(_call(request, body)) or Reply())

    return endpoint


def sync_endpoint(handler: Handler) -> Any:
    def endpoint(request: Request) -> Response:
        # A sync handler is given no body: it asks the event loop for it.
        body = anyio.from_thread.run(request.body)
        return starlette_response(handler(_call(request, body)) or Reply())

    return endpoint


@dataclass
class UnderTestClient:
    """Starlette's own client: the application runs on an event loop in a thread of its own."""

    app: Any
    raises: bool = False
    backend: str = "asyncio"

    def post(
        self, body: Any = b"", headers: Any = (), path: str = PATH, method: str = "POST", **others: Any
    ) -> Answer:
        client = TestClient(self.app, raise_server_exceptions=self.raises, backend=self.backend)
        answer = client.request(method, path, content=body, headers=_raw(headers), **others)
        return Answer(answer.status_code, dict(answer.headers), answer.content)


@dataclass
class UnderTransport:
    """httpx's ASGI transport, on an event loop made for each request."""

    app: Any
    raises: bool = False
    backend: str = "asyncio"

    def post(self, body: Any = b"", headers: Any = (), path: str = PATH, method: str = "POST") -> Answer:
        async def send() -> Answer:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=self.raises)
            async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
                answer = await client.request(method, path, content=body, headers=_raw(headers))
            return Answer(answer.status_code, dict(answer.headers), answer.content)

        return anyio.run(send, backend=self.backend)


@dataclass(frozen=True)
class StarletteKind:
    """A Starlette application; `backend` may be trio."""

    name: str
    backend: str = "asyncio"
    json_answers: bool = False

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **options: Any
    ) -> UnderTransport:
        endpoint = async_endpoint(handler, reads)
        app = Starlette(routes=[Route(path, endpoint, methods=["POST", "GET", "PUT"])], **options)
        return UnderTransport(app, raises, self.backend)

    def refusal(self, status: int) -> BaseException:
        return HTTPException(status)


@dataclass(frozen=True)
class FastAPIKind:
    """A FastAPI application, with `def` or `async def` handlers."""

    name: str
    sync: bool = False
    json_answers: bool = False

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **options: Any
    ) -> UnderTestClient:
        app = FastAPI(**options)
        endpoint = sync_endpoint(handler) if self.sync else async_endpoint(handler, reads)
        app.api_route(path, methods=["POST", "GET", "PUT"])(endpoint)
        return UnderTestClient(app, raises)

    def refusal(self, status: int) -> BaseException:
        return HTTPException(status)
