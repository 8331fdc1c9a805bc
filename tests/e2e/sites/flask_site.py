"""A Flask application whose webhook views say what they saw."""

import hashlib
import os

from flask import Blueprint, Flask, request

app = Flask(__name__)
hooks = Blueprint("hooks", __name__, url_prefix="/webhooks")


def seen(body: bytes) -> dict[str, object]:
    return {"pid": os.getpid(), "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}


@hooks.post("/github")
def github() -> dict[str, object]:
    return seen(request.get_data())


@hooks.post("/upload")
def upload() -> dict[str, object]:
    report = request.files["report"]
    return {**seen(report.read()), "title": request.form["title"], "filename": report.filename}


@app.post("/plain")
def plain() -> dict[str, object]:
    return seen(request.get_data())


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}


app.register_blueprint(hooks)
