"""An application that verifies its webhooks, and reports to the server that the environment names."""

from __future__ import annotations

from fastapi import FastAPI, Request

from outworx_otel import current_track, init, instrument, webhook

init()
instrument()
app = FastAPI()


@app.get("/healthz")
async def health() -> dict[str, str]:
    return {"status": "ok"}


@app.post("/webhooks/github")
@webhook("github", signature_secret="secret", require_processing_mark=True)  # noqa: S106  # a test's
async def push(request: Request) -> dict[str, bool]:
    event = await request.json()
    if event.get("done"):
        current_track().processed()
    return {"received": True}
