"""The published SDK in a Flask application, from its own page. Arguments: the server's address, a port."""

import sys

import outworx_hooks
from flask import Flask, request
from outworx_hooks import TrackOptions
from outworx_hooks.integrations.flask import with_webhook_monitoring
from werkzeug.serving import make_server

outworx_hooks.init(endpoint=f"{sys.argv[1]}/api/ingest")
app = Flask(__name__)
runs = 0


@app.route("/webhooks/stripe", methods=["POST"])
@with_webhook_monitoring(
    TrackOptions(
        provider="stripe",
        event_type_field="type",
        capture_body=True,
        metadata={"team": "pay"},
        idempotency_key=lambda req, body, headers: body.get("id") if body else None,
    )
)
def hook():
    global runs
    runs += 1
    if request.get_json().get("fails"):
        raise RuntimeError("no stock")
    return {"run": runs}


make_server("127.0.0.1", int(sys.argv[2]), app, threaded=True).serve_forever()
