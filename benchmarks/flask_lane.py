"""Flask: one webhook and one ordinary route, called by WSGI."""

from __future__ import annotations

import time
from typing import Any

from flask import Flask, g, request

from benchmarks import floor
from benchmarks.calls import Caller, WSGICaller
from benchmarks.deliveries import HOOK_PATH, PLAIN_PATH
from benchmarks.variants import Variant, peer_options


def build(variant: Variant, peer_port: int) -> Caller:
    """The application with `variant` round its webhook."""
    app = Flask("benchmark")
    view: Any = {Variant.FLOOR: _by_hand, Variant.MARKED: _marking}.get(variant, _receive)
    if variant.is_peer:
        from outworx_hooks import TrackOptions  # type: ignore[import-untyped]  # it has no types
        from outworx_hooks.integrations.flask import (  # type: ignore[import-untyped]
            with_webhook_monitoring,
        )

        view = with_webhook_monitoring(TrackOptions(**peer_options(variant, peer_port)))(view)
    app.add_url_rule(HOOK_PATH, "hook", view, methods=["POST"])
    app.add_url_rule(PLAIN_PATH, "plain", _receive_anything, methods=["GET", "POST"])
    if variant is Variant.OFFICIAL:
        from opentelemetry.instrumentation.flask import FlaskInstrumentor

        FlaskInstrumentor().instrument_app(app)  # type: ignore[no-untyped-call]  # it is untyped
    return WSGICaller(app)


def _receive() -> Any:
    request.get_data()
    return {"received": True}


def _receive_anything() -> Any:
    """The same, a function of its own: every URL of a webhook's handler is one of the webhook's."""
    return _receive()


def _marking() -> Any:
    request.get_data()
    g.outworx_track.processed()
    return {"received": True}


def _by_hand() -> Any:
    start_ns = time.time_ns()
    environ = request.environ
    body = request.get_data()
    signed = floor.signed_at(body, environ.get("HTTP_STRIPE_SIGNATURE", ""), start_ns / 1e9)
    if signed is None:
        return {"error": "Invalid webhook signature"}, 401
    headers = floor.headers_of(environ)
    span, token = floor.open_span("POST", HOOK_PATH, HOOK_PATH, body, headers, signed, start_ns)
    try:
        return _receive()
    finally:
        floor.close_span(span, token, 200)
