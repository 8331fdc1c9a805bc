"""An application whose handler does what a delivery's body says, and which may be told to leak."""

import contextlib
import itertools
import os
import threading
import time

from fastapi import FastAPI, Request

import outworx_otel

outworx_otel.init(idempotency_store=os.environ["SITE_STORE"])
outworx_otel.instrument()
app = FastAPI()
LEAKS = os.environ.get("SITE_LEAKS", "").split(",")
leaked: list[object] = []
deliveries = itertools.count()


@app.post("/webhooks/github")
async def github(request: Request) -> dict[str, int]:
    leak(next(deliveries))
    does = (await request.json())["does"]
    if does == "raises":
        raise RuntimeError("as it was told")
    if does == "fails":
        request.state.outworx_track.failed("no stock")
    if does != "forgets":
        request.state.outworx_track.processed({"order": 1})
    return {"pid": os.getpid()}


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}


def leak(number: int) -> None:
    if "memory" in LEAKS:
        leaked.append(os.urandom(300_000))
    if "descriptors" in LEAKS:
        with contextlib.suppress(OSError):
            leaked.append(os.dup(1))
    if "threads" in LEAKS and number % 5 == 0:
        threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
