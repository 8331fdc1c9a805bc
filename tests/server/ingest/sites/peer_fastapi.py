"""The published SDK in a FastAPI application, from its own page. Arguments: the server's address, a port."""

import sys

import outworx_hooks
import uvicorn
from fastapi import FastAPI, Request
from outworx_hooks import TrackOptions
from outworx_hooks.integrations.fastapi import OutworxHooksMiddleware

outworx_hooks.init(endpoint=f"{sys.argv[1]}/api/ingest")
app = FastAPI()
app.add_middleware(
    OutworxHooksMiddleware,
    options=TrackOptions(
        provider="stripe",
        event_type_field="type",
        capture_body=True,
        metadata={"team": "pay"},
        idempotency_key=lambda req, body, headers: body.get("id") if body else None,
    ),
)
runs = 0


@app.post("/webhooks/stripe")
async def hook(request: Request):
    global runs
    body = await request.json()
    runs += 1
    if body.get("fails"):
        raise RuntimeError("no stock")
    return {"run": runs}


uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="critical")
