"""Snippets of the reference page, its package renamed; what it leaves to the reader is filled in."""

QUICK_START_FASTAPI = """
from fastapi import FastAPI
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware
from outworx_otel import TrackOptions

app = FastAPI()

app.add_middleware(
    OutworxHooksMiddleware,
    options=TrackOptions(provider="stripe", event_type_field="type")
)

@app.post("/webhooks/stripe")
async def handle_webhook():
    # ... process webhook
    return {"status": "ok"}
"""

QUICK_START_FLASK = """
from flask import Flask
from outworx_otel.integrations.flask import with_webhook_monitoring
from outworx_otel import TrackOptions

app = Flask(__name__)

@app.route("/webhooks/stripe", methods=["POST"])
@with_webhook_monitoring(TrackOptions(provider="stripe", event_type_field="type"))
def handle_webhook():
    # ... process webhook
    return {"status": "ok"}
"""

SILENT_DROP_FASTAPI = """
from fastapi import FastAPI, Request
from outworx_otel import init, TrackOptions
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware

init(api_key=os.environ["OUTWORX_HOOKS_API_KEY"])
app = FastAPI()

app.add_middleware(
    OutworxHooksMiddleware,
    options=TrackOptions(
        provider="stripe",
        signature_secret=os.environ["STRIPE_WEBHOOK_SECRET"],
        require_processing_mark=True,   # opt in to silent-drop detection
    ),
)

@app.post("/webhooks/stripe")
async def stripe_webhook(request: Request):
    body = await request.json()
    if body["type"] != "charge.succeeded":
        return {"received": True}      # silent_drop if unintended
    charge_customer(body["data"]["object"])
    request.state.outworx_track.processed()   # explicit ack
    return {"received": True}
"""

SILENT_DROP_FLASK = """
from flask import Flask, g, request
from outworx_otel import init, TrackOptions
from outworx_otel.integrations.flask import with_webhook_monitoring

init(api_key=os.environ["OUTWORX_HOOKS_API_KEY"])
app = Flask(__name__)

@app.route("/webhooks/stripe", methods=["POST"])
@with_webhook_monitoring(TrackOptions(
    provider="stripe",
    signature_secret=os.environ["STRIPE_WEBHOOK_SECRET"],
    require_processing_mark=True,
))
def stripe_webhook():
    body = request.get_json()
    charge_customer(body)
    g.outworx_track.processed()
    return {"received": True}
"""

SILENT_DROP_DJANGO = """
from django.http import JsonResponse
from django.views.decorators.csrf import csrf_exempt

@csrf_exempt
def stripe_webhook(request):
    charge_customer(json.loads(request.body))
    request.outworx_track.processed()
    return JsonResponse({"received": True})

OUTWORX_HOOKS_OPTIONS = {
    "provider": "stripe",
    "signature_secret": os.environ["STRIPE_WEBHOOK_SECRET"],
    "require_processing_mark": True,
}
"""

CUSTOM_VERIFIER = """
from outworx_otel import TrackOptions

options = TrackOptions(
    provider="my-service",
    signature_verifier=lambda raw_body, headers: my_check(
        raw_body, headers.get("X-My-Signature")
    ),
)
"""

IDEMPOTENCY_FASTAPI = """
from fastapi import FastAPI
from outworx_otel import init, TrackOptions
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware

init(api_key=os.environ["OUTWORX_HOOKS_API_KEY"])

app = FastAPI()
app.add_middleware(
    OutworxHooksMiddleware,
    options=TrackOptions(
        provider="stripe",
        signature_secret=os.environ["STRIPE_WEBHOOK_SECRET"],
        # Dedupe on the Stripe event ID. Retries of the same event return
        # the cached response without re-invoking the handler.
        idempotency_key=lambda req, body, headers: body.get("id") if body else None,
    ),
)

@app.post("/webhooks/stripe")
async def stripe_webhook():
    charge_customer(1)
    return {"received": True}
"""

IDEMPOTENCY_FLASK = """
from flask import Flask
from outworx_otel import TrackOptions
from outworx_otel.integrations.flask import with_webhook_monitoring

app = Flask(__name__)

@app.route("/webhooks/stripe", methods=["POST"])
@with_webhook_monitoring(TrackOptions(
    provider="stripe",
    idempotency_key=lambda req, body, headers: body.get("id") if body else None,
))
def stripe_webhook():
    charge_customer(1)
    return {"received": True}
"""
