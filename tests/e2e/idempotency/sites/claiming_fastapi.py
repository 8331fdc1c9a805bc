"""FastAPI: every kind of answer under one route template, handlers async."""

import asyncio
import os

import claiming
from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse

claiming.switch_on()
app = FastAPI()


@app.post("/webhooks/{kind}")
async def handle(kind: str, request: Request) -> Response:
    plan = claiming.Plan.of(request.headers["x-github-delivery"], await request.body())
    if plan.blocks:
        claiming.block(plan.sleeps)
    else:
        await asyncio.sleep(plan.sleeps)
    plan.end()
    status, headers, body = claiming.answer(kind)
    if isinstance(body, bytes):
        return Response(body, status, headers)
    return StreamingResponse(body, status, headers)


@app.get("/healthz")
async def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}


@app.get("/store")
async def store() -> dict[str, object]:
    return claiming.store_counts()
