"""Quart, Litestar, aiohttp, and Slack's own library as what serves a path."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp.web
import litestar
import quart
import slack_bolt
from aiohttp.test_utils import TestClient, TestServer
from door.rows_served import NO_SEAM
from door.sending import over_asgi, over_wsgi
from door.site import SIGNED, Rows, Send, Site
from fastapi import FastAPI, Request
from flask import Flask, request
from slack_bolt.adapter.asgi import SlackRequestHandler as SlackASGI
from slack_bolt.adapter.fastapi import SlackRequestHandler as SlackFastAPI
from slack_bolt.adapter.flask import SlackRequestHandler as SlackFlask
from slack_bolt.authorization import AuthorizeResult
from starlette.applications import Starlette
from starlette.routing import Mount
from support import deliveries
from support.calls import PATH, Answer
from support.deliveries import SECRET

from outworx_otel import TrackOptions
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.asgi import instrument_app

from .rows_django import UNSEEN

ROWS = Rows()


# Quart: nothing of ours knows it but the plain ASGI adapter.


def _quart(site: Site, mark: bool) -> quart.Quart:
    app = quart.Quart("shop")

    async def hook() -> str:
        return site.ran(await quart.request.get_data())

    app.post(PATH)(site.marked(hook) if mark else hook)
    return app


@ROWS.add("quart, plain adapter round asgi_app")
def quart_by_hand(site: Site) -> Send:
    app = _quart(site, False)
    app.asgi_app = site.switched_on(AnyASGIMiddleware, app.asgi_app, options=SIGNED)  # type: ignore[method-assign]
    return over_asgi(app)


@ROWS.add("quart, plain adapter outside, instrumented too")
def quart_twice(site: Site) -> Send:
    site.instrument()
    return over_asgi(site.switched_on(AnyASGIMiddleware, _quart(site, False), options=SIGNED))


@ROWS.add("quart, marked, plain adapter outside")
def quart_marked_by_hand(site: Site) -> Send:
    return over_asgi(site.switched_on(AnyASGIMiddleware, _quart(site, True), options=SIGNED))


@ROWS.add("quart, mounted in Starlette, instrumented")
def quart_mounted(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Mount("", app=_quart(site, False))]))


@ROWS.add("quart, mounted in Starlette, marked, its path configured")
def quart_mounted_and_marked(site: Site) -> Send:
    site.instrument()
    return over_asgi(Starlette(routes=[Mount("", app=_quart(site, True))]))


@ROWS.add("quart, marked, nothing instrumented", **UNSEEN)
def quart_marked(site: Site) -> Send:
    return over_asgi(_quart(site, True))


# Litestar.


def _litestar(site: Site, mark: bool) -> litestar.Litestar:
    async def hook(request: Any) -> str:
        return site.ran(await request.body())

    hook.__annotations__ = {"request": litestar.Request, "return": str}
    route = litestar.post(PATH, status_code=200)(site.marked(hook) if mark else hook)
    return litestar.Litestar([route], openapi_config=None)


@ROWS.add("litestar, instrumented")
def litestar_instrumented(site: Site) -> Send:
    site.instrument()
    return over_asgi(_litestar(site, False))


@ROWS.add("litestar, marked, instrumented")
def litestar_marked_instrumented(site: Site) -> Send:
    site.instrument({})
    return over_asgi(_litestar(site, True))


@ROWS.add("litestar, GET without length, instrumented")
def litestar_get(site: Site) -> Send:
    site.instrument()

    async def hook(request: Any) -> str:
        return site.ran(await request.body())

    hook.__annotations__ = {"request": litestar.Request, "return": str}
    app = litestar.Litestar([litestar.get(PATH)(hook)], openapi_config=None)
    return over_asgi(app, "GET", length=False)


@ROWS.add("litestar, plain adapter outside")
def litestar_by_hand(site: Site) -> Send:
    return over_asgi(site.switched_on(instrument_app, _litestar(site, False), SIGNED))


@ROWS.add("litestar, plain adapter outside, instrumented too")
def litestar_twice(site: Site) -> Send:
    site.instrument()
    return litestar_by_hand(site)


@ROWS.add("litestar, mounted in FastAPI, instrumented")
def litestar_mounted(site: Site) -> Send:
    site.instrument()
    app = FastAPI()
    app.mount("/", _litestar(site, False))
    return over_asgi(app)


@ROWS.add("litestar, a foreign ASGI application mounted in it, instrumented")
def litestar_mounts(site: Site) -> Send:
    from door.handlers import asgi_handler

    site.instrument()
    mounted = litestar.asgi("/webhooks", is_mount=True)(asgi_handler(site))
    return over_asgi(litestar.Litestar([mounted], openapi_config=None))


@ROWS.add("litestar, marked, nothing instrumented", **UNSEEN)
def litestar_marked(site: Site) -> Send:
    return over_asgi(_litestar(site, True))


# aiohttp: its own server, in the test's event loop.


def over_aiohttp(made: Any, method: str = "POST", chunked: bool = False) -> Send:
    """Sends to an aiohttp application, which is made in the loop."""

    def send(body: bytes, headers: Mapping[str, str]) -> Answer:
        async def sent() -> Answer:
            async with TestClient(TestServer(made())) as client:
                data: Any = _parts(body) if chunked else body
                async with client.request(method, PATH, data=data, headers=dict(headers)) as answer:
                    return Answer(answer.status, dict(answer.headers), await answer.read())

        return asyncio.run(sent())

    return send


async def _parts(body: bytes) -> Any:
    yield body


def _aiohttp(site: Site, mark: bool, method: str = "POST") -> Any:
    async def hook(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(text=site.ran(await request.read()))

    def made() -> aiohttp.web.Application:
        app = aiohttp.web.Application()
        app.router.add_route(method, PATH, site.marked(hook) if mark else hook)
        return app

    return made


@ROWS.add("aiohttp, instrumented")
def aiohttp_instrumented(site: Site) -> Send:
    site.instrument()
    return over_aiohttp(_aiohttp(site, False))


@ROWS.add("aiohttp, marked, instrumented")
def aiohttp_marked_instrumented(site: Site) -> Send:
    site.instrument({})
    return over_aiohttp(_aiohttp(site, True))


@ROWS.add("aiohttp, DELETE in chunks, instrumented")
def aiohttp_delete(site: Site) -> Send:
    site.instrument()
    return over_aiohttp(_aiohttp(site, False, "DELETE"), "DELETE", chunked=True)


@ROWS.add("aiohttp, answered by a middleware, instrumented", **NO_SEAM)
def aiohttp_middleware(site: Site) -> Send:
    site.instrument()

    @aiohttp.web.middleware
    async def answers(request: Any, handler: Any) -> Any:
        return aiohttp.web.Response(text=site.ran(await request.read()))

    return over_aiohttp(lambda: aiohttp.web.Application(middlewares=[answers]))


@ROWS.add("aiohttp, a sub-application, instrumented")
def aiohttp_sub_application(site: Site) -> Send:
    site.instrument()

    async def hook(request: aiohttp.web.Request) -> aiohttp.web.Response:
        return aiohttp.web.Response(text=site.ran(await request.read()))

    def made() -> aiohttp.web.Application:
        app, inner = aiohttp.web.Application(), aiohttp.web.Application()
        inner.router.add_post("/stripe", hook)
        app.add_subapp("/webhooks", inner)
        return app

    return over_aiohttp(made)


@ROWS.add("aiohttp, marked, nothing instrumented", **UNSEEN)
def aiohttp_marked(site: Site) -> Send:
    return over_aiohttp(_aiohttp(site, True))


# Slack's library answers for a path by adapters of its own.

SLACK = {PATH: TrackOptions("slack", signature_secret=SECRET)}


def slack_event() -> bytes:
    event = {
        "type": "event_callback",
        "event_id": uuid4().hex,
        "event": {"type": "app_mention", "user": "U1"},
    }
    return json.dumps(event).encode()


def _bolt(site: Site) -> slack_bolt.App:
    """Its own verification is off, as behind a gateway that does it."""
    app = slack_bolt.App(
        signing_secret="of another application",  # noqa: S106
        authorize=lambda **who: AuthorizeResult(enterprise_id=None, team_id=None),
        request_verification_enabled=False,
        process_before_response=True,
    )

    def everything(req: Any, ack: Any) -> Any:
        site.ran(req.raw_body.encode())
        return slack_bolt.BoltResponse(status=200, body="served")

    app.use(everything)
    return app


SLACKS: dict[str, Any] = {"sign": deliveries.slack, "body": slack_event}


@ROWS.add("slack_bolt's ASGI adapter, mounted in Starlette, instrumented", **SLACKS)
def slack_mounted(site: Site) -> Send:
    site.instrument(SLACK)
    return over_asgi(Starlette(routes=[Mount("", app=SlackASGI(_bolt(site), path=PATH))]))


@ROWS.add("slack_bolt's ASGI adapter alone, plain adapter by hand", **SLACKS)
def slack_alone(site: Site) -> Send:
    app = SlackASGI(_bolt(site), path=PATH)
    return over_asgi(site.switched_on(AnyASGIMiddleware, app, options=SLACK[PATH]))


@ROWS.add("slack_bolt's FastAPI adapter, instrumented", **SLACKS)
def slack_fastapi(site: Site) -> Send:
    site.instrument(SLACK)
    app, handler = FastAPI(), SlackFastAPI(_bolt(site))

    async def hook(request: Any) -> Any:
        return await handler.handle(request)

    hook.__annotations__ = {"request": Request}
    app.post(PATH)(hook)
    return over_asgi(app)


@ROWS.add("slack_bolt's Flask adapter, instrumented", **SLACKS)
def slack_flask(site: Site) -> Send:
    site.instrument(SLACK)
    app, handler = Flask("shop"), SlackFlask(_bolt(site))
    app.add_url_rule(PATH, "hook", lambda: handler.handle(request), methods=["POST"])
    return over_wsgi(app)
