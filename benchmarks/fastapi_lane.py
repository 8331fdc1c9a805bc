"""FastAPI: one webhook and one ordinary route, called by ASGI."""

from __future__ import annotations

import time
from typing import Any

from fastapi import FastAPI, Request, Response

from benchmarks import floor
from benchmarks.calls import ASGICaller, Caller
from benchmarks.deliveries import HOOK_PATH, PLAIN_PATH
from benchmarks.variants import Variant, peer_options

_NO_NATIVE_TELEMETRY: dict[str, Any] = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
}


def build(variant: Variant, peer_port: int) -> Caller:
    """The application with `variant` round its webhook."""
    try:
        app = FastAPI(telemetry=_NO_NATIVE_TELEMETRY)  # type: ignore[arg-type]  # a TypedDict of its own
    except TypeError:  # before FastAPI 0.142 there was none; such keywords went into `extra`
        app = FastAPI()
    handler = {Variant.FLOOR: _by_hand, Variant.MARKED: _marking}.get(variant, _receive)
    app.add_api_route(HOOK_PATH, handler, methods=["POST"], response_model=None)
    app.add_api_route(PLAIN_PATH, _receive_anything, methods=["GET", "POST"], response_model=None)
    if variant is Variant.OFFICIAL:
        from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

        FastAPIInstrumentor.instrument_app(app)
    elif variant.is_peer:
        from outworx_hooks import TrackOptions  # type: ignore[import-untyped]  # it has no types
        from outworx_hooks.integrations.fastapi import OutworxHooksMiddleware  # type: ignore[import-untyped]

        options = TrackOptions(**peer_options(variant, peer_port))
        app.add_middleware(OutworxHooksMiddleware, options=options)
    return ASGICaller(app)


async def _receive(request: Request) -> Any:
    await request.body()
    return {"received": True}


async def _receive_anything(request: Request) -> Any:
    """The same, a function of its own: every URL of a webhook's handler is one of the webhook's."""
    await request.body()
    return {"received": True}


async def _marking(request: Request) -> Any:
    await request.body()
    request.state.outworx_track.processed()
    return {"received": True}


async def _by_hand(request: Request) -> Any:
    start_ns = time.time_ns()
    body = await request.body()
    raw: list[tuple[bytes, bytes]] = request.scope["headers"]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in raw]
    signature = next((value for name, value in headers if name == "stripe-signature"), "")
    signed = floor.signed_at(body, signature, start_ns / 1e9)
    if signed is None:
        return Response("Invalid webhook signature", 401)
    span, token = floor.open_span("POST", HOOK_PATH, HOOK_PATH, body, headers, signed, start_ns)
    try:
        return await _receive(request)
    finally:
        floor.close_span(span, token, 200)
