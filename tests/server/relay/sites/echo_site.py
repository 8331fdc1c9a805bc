"""A local application: echoes bodies, counts what it has seen, and holds an answer back until it is released."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

seen: Counter[str] = Counter()
gates: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)


async def hook(request: Request) -> Response:
    body = await request.body()
    number = request.headers.get("x-number", "")
    seen[number] += 1
    if "x-gate" in request.headers:
        await gates[request.headers["x-gate"]].wait()
    return Response(body, int(request.headers.get("x-status", "200")), {"x-number": number})


async def release(request: Request) -> Response:
    gates[request.path_params["gate"]].set()
    return PlainTextResponse("ok")


async def reset(_: Request) -> Response:
    for gate in gates.values():
        gate.set()
    gates.clear()
    seen.clear()
    return PlainTextResponse("ok")


async def what_was_seen(_: Request) -> Response:
    return JSONResponse(seen)


async def health(_: Request) -> Response:
    return PlainTextResponse("ok")


app = Starlette(
    routes=[
        Route("/healthz", health),
        Route("/seen", what_was_seen),
        Route("/reset", reset, methods=["POST"]),
        Route("/release/{gate}", release, methods=["POST"]),
        Route("/{path:path}", hook, methods=["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]),
    ]
)
