"""aiohttp and Litestar applications with one route, as the suite of the integrations builds them."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import litestar
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestServer
from litestar.response import Response, Stream
from multidict import CIMultiDict
from support.calls import PATH, Answer, Call, Handler, Reply, pairs
from yarl import URL

from integrations.asgi_apps import UnderTransport

_RAISED: web.AppKey[list[Exception]] = web.AppKey("raised", list)


@dataclass
class UnderAioHTTP:
    """aiohttp's own server and client, on an event loop made for each request."""

    made: Any
    raises: bool = False

    def post(self, body: Any = b"", headers: Any = (), path: str = PATH, method: str = "POST") -> Answer:
        return asyncio.run(self._post(body, headers, path, method))

    async def _post(self, body: Any, headers: Any, path: str, method: str) -> Answer:
        app = self.made()
        async with TestServer(app) as server, ClientSession() as client:
            # To the letter: yarl would write the query anew.
            url = URL(f"{server.make_url('/')}".rstrip("/") + path, encoded=True)
            given = CIMultiDict(pairs(headers))
            sent: Any = {"data": body, "headers": given, "skip_auto_headers": ["Content-Type"]}
            async with client.request(method, url, allow_redirects=False, **sent) as answer:
                read = await answer.read()
        if self.raises and app[_RAISED]:
            raise app[_RAISED][0]
        return Answer(answer.status, {k.lower(): v for k, v in answer.headers.items()}, read)


async def _each(parts: Any) -> Any:
    for part in parts:
        yield part


def aiohttp_response(reply: Reply) -> web.Response:
    body = reply.body if isinstance(reply.body, bytes) else _each(reply.body)
    headers = CIMultiDict(reply.headers)
    if reply.content_type:
        headers["content-type"] = reply.content_type
    return web.Response(body=body, status=reply.status, headers=headers)


@dataclass(frozen=True)
class AioHTTPKind:
    """An aiohttp application."""

    name: str = "aiohttp"
    json_answers: bool = False

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **options: Any
    ) -> UnderAioHTTP:
        async def endpoint(request: web.Request) -> web.StreamResponse:
            body = await request.read() if reads else b""
            await asyncio.sleep(0)
            try:
                track = request.get("outworx_track")
                return aiohttp_response(handler(Call(body, track, request)) or Reply())
            except Exception as error:
                request.app[_RAISED].append(error)
                raise

        def made() -> web.Application:
            app = web.Application(**options)
            app[_RAISED] = []
            for method in ("POST", "GET", "PUT"):
                app.router.add_route(method, path, endpoint)
            return app

        return UnderAioHTTP(made, raises)

    def refusal(self, status: int) -> BaseException:
        error = web.HTTPException.__new__(web.HTTPException)
        error.status_code = status
        error.__init__()  # type: ignore[misc]
        return error


@dataclass(frozen=True)
class LitestarKind:
    """A Litestar application."""

    name: str = "litestar"
    json_answers: bool = False

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **options: Any
    ) -> UnderTransport:
        async def endpoint(request: Any) -> Any:
            body = await request.body() if reads else b""
            await asyncio.sleep(0)
            return litestar_response(
                handler(Call(body, request.state.get("outworx_track"), request)) or Reply()
            )

        endpoint.__annotations__ = {"request": litestar.Request, "return": Response}
        route = litestar.route(path, http_method=["POST", "GET", "PUT"], status_code=200)(endpoint)
        # Its logging would take pytest's handler away.
        app = litestar.Litestar([route], openapi_config=None, logging_config=None, **options)
        return UnderTransport(app, raises)

    def refusal(self, status: int) -> BaseException:
        return litestar.exceptions.HTTPException(status_code=status)


def litestar_response(reply: Reply) -> Response[Any]:
    kind = Response if isinstance(reply.body, bytes) else Stream
    body: Any = reply.body if isinstance(reply.body, bytes) else _each(reply.body)
    return kind(
        body, status_code=reply.status, headers=dict(reply.headers), media_type=reply.content_type or None
    )
