"""What an application on Flask writes. The lines marked `# wrong` must be errors to a type checker, no others."""

from flask import Flask, jsonify
from flask.typing import ResponseReturnValue

from outworx_otel import TrackOptions, sign, verify, webhook
from outworx_otel.integrations.flask import FlaskInstrumentor, with_webhook_monitoring

app = Flask(__name__)
FlaskInstrumentor.instrument_app(app, request_hook=lambda span, request: None)
FlaskInstrumentor.instrument_app(app, request_hok=lambda span, request: None)  # wrong


@app.route("/webhooks/stripe", methods=["POST"])
@with_webhook_monitoring(
    TrackOptions(provider="stripe", idempotency_key=lambda req, body, headers: body["id"])
)
def stripe() -> ResponseReturnValue:
    return jsonify(received=True)


@app.route("/webhooks/github", methods=["POST"])
@webhook("github", signature_secret_env=["NEW", "OLD"], redact=["body.sender.email"])
def github() -> ResponseReturnValue:
    return jsonify(received=True)


github(7)  # wrong
with_webhook_monitoring({"provider": "stripe"})  # wrong
with_webhook_monitoring(TrackOptions("stripe"), capture_body=True)  # wrong
webhook("github", signature_secret_env=7)  # wrong
webhook("github", capture_bdy=True)  # wrong
sign("stripe", b"{}", "whsec_1")
sign("stripe", b"{}", secrets="whsec_1")  # wrong
checked = verify("stripe", b"{}", {}, "whsec_1").valid
unknown = verify("stripe", b"{}", {}, "whsec_1").valid_  # wrong
