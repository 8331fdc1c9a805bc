"""An application with a handler that works and one that does not."""

import os

from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/hooks/good")
async def good(request: Request) -> dict[str, int]:
    await request.body()
    return {"pid": os.getpid()}


@app.post("/hooks/broken")
async def broken(request: Request) -> None:
    await request.body()
    raise RuntimeError("the handler failed")


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}
