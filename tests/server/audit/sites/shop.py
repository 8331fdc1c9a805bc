"""An instrumented application, as its page tells to write it. Arguments: the server's address, a port, a file."""

import functools
import os
import sys
import time
from pathlib import Path

import uvicorn
from fastapi import FastAPI, Request
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from outworx_otel import TrackOptions, init, instrument
from outworx_otel.setup import assembly

# What is asked is whether the server tells both processes the truth about a key, not how fast it does.
assembly.open_store = functools.partial(assembly.open_store, budget=10.0)
server, port, witness = sys.argv[1:]
init(
    "ohk_shop",
    f"{server}/api/ingest",
    endpoints={
        "/webhooks/github": TrackOptions(
            "github", signature_secret=os.environ["GITHUB_SECRET"], idempotency_key=True, capture_body=True
        )
    },
    # The server that telemetry goes to.
    idempotency_store="outworx://",
)
# Ours sends webhook spans alone; this one everything, those once more.
everything = OTLPSpanExporter(f"{server}/v1/traces", compression=Compression.Gzip)
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(everything))
instrument()
app = FastAPI()


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}


@app.post("/webhooks/github")
def github(request: Request) -> dict[str, int]:
    with Path(witness).open("ab", buffering=0) as ran:
        ran.write(f"{request.headers['x-github-delivery']} {os.getpid()}\n".encode())
    with trace.get_tracer("shop").start_as_current_span("charge the card"):
        time.sleep(0.2)
    return {"pid": os.getpid()}


uvicorn.run(app, host="127.0.0.1", port=int(port), log_level="warning")
