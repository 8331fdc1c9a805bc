"""Flask: every kind of answer under one rule."""

import os

import claiming
from flask import Flask, Response, request

claiming.switch_on()
app = Flask(__name__)


@app.post("/webhooks/<kind>")
def handle(kind: str) -> Response:
    plan = claiming.Plan.of(request.headers["x-github-delivery"], request.get_data())
    claiming.block(plan.sleeps)
    plan.end()
    status, headers, body = claiming.answer(kind)
    return Response(body, status, headers)


@app.get("/healthz")
def healthz() -> dict[str, int]:
    return {"pid": os.getpid()}


@app.get("/store")
def store() -> dict[str, object]:
    return claiming.store_counts()
