"""A web application that answers at once and leaves the work to RQ."""

from __future__ import annotations

import os

import redis
import rq
from fastapi import FastAPI, Request

import outworx_otel

outworx_otel.init(
    endpoints={"/webhooks/shop": outworx_otel.TrackOptions("shop", require_processing_mark=True)}
)
outworx_otel.instrument()

app = FastAPI()
queue = rq.Queue(connection=redis.Redis.from_url(os.environ["JOBS_URL"]))


@app.get("/healthz")
def healthz() -> dict[str, bool]:
    return {"up": True}


@app.post("/webhooks/shop")
def receive(request: Request, job: str) -> dict[str, str]:
    token = request.state.outworx_track.token(60)
    more = (7,) if job == "charge" else ()
    # By name: a web application need not be able to import what its workers run.
    return {"job": queue.enqueue(f"shop_jobs.{job}", token, *more).id}
