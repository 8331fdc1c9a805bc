"""Three providers in one Flask application; what is wanted of each stands in `outworx.toml`."""

from __future__ import annotations

from flask import Flask, g, request

from outworx_otel import init, instrument

init()
instrument()

app = Flask(__name__)


@app.post("/webhooks/stripe")
def stripe() -> dict[str, bool]:
    g.outworx_track.processed({"type": request.get_json()["type"]})
    return {"received": True}


@app.post("/webhooks/github")
def github() -> dict[str, bool]:
    g.outworx_track.processed({"event": request.headers["X-GitHub-Event"]})
    return {"received": True}


@app.post("/webhooks/telegram")
def telegram() -> dict[str, bool]:
    g.outworx_track.processed({"update": request.get_json()["update_id"]})
    return {"received": True}
