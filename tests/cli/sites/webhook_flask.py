"""The same application in Flask."""

import hashlib
from typing import Any

from flask import Flask, request

app = Flask(__name__)


@app.post("/hooks/<provider>")
@app.post("/hooks/<provider>/<more>")
def hook(provider: str, more: str = "") -> dict[str, Any]:
    body = request.get_data()
    return {
        "size": len(body),
        "sha256": hashlib.sha256(body).hexdigest(),
        "headers": sorted([name.lower(), value] for name, value in request.headers.items()),
        "query": request.query_string.decode(),
    }


@app.get("/healthz")
def healthz() -> dict[str, bool]:
    return {"ok": True}
