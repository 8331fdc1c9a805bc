"""A FastAPI application that takes every webhook and says what it saw of it."""

import hashlib

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/hooks/{provider}")
@app.post("/hooks/{provider}/{more}")
async def hook(provider: str, request: Request) -> dict[str, object]:
    body = await request.body()
    return {
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "headers": sorted([name, value] for name, value in request.headers.items()),
        "query": request.url.query,
    }


@app.get("/healthz")
def healthz() -> dict[str, bool]:
    return {"ok": True}
