"""An application that notes what its handler does, on a disk that outlives it."""

import functools
import os
from pathlib import Path

from fastapi import FastAPI, Request

from outworx_otel import TrackOptions, init, instrument
from outworx_otel.delivery import _claim
from outworx_otel.setup import assembly

# A test waits for a dead worker's lease, and its machine may be busy with other tests.
_claim.LEASE = 5.0
assembly.open_store = functools.partial(assembly.open_store, budget=2.0)
init(
    os.environ["SITE_KEY"],
    os.environ["SITE_GATEWAY"],
    endpoints={
        "/webhooks/github": TrackOptions(
            "github",
            signature_secret=os.environ["GITHUB_SECRET"],
            idempotency_key=True,
            idempotency_on_store_error="reject",
        )
    },
    idempotency_store=os.environ["SITE_STORE"],
)
instrument()
app = FastAPI()


@app.post("/webhooks/github")
def github(request: Request) -> dict[str, int]:
    with Path(os.environ["SITE_WITNESS"]).open("ab", buffering=0) as ran:
        ran.write(f"{request.headers['x-github-delivery']} {os.getpid()}\n".encode())
    return {"pid": os.getpid()}


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}
