"""What an application on FastAPI writes. The lines marked `# wrong` must be errors to a type checker, no others."""

import os
from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Request

from outworx_otel import TrackOptions, current_track, init, instrument, resume, webhook
from outworx_otel.integrations.fastapi import FastAPIInstrumentor, OutworxHooksMiddleware

init(api_key=os.environ.get("OUTWORX_API_KEY"), timeout=3000, debug=True)
init(api_kye="ohk_1")  # wrong
init(timeout="3s")  # wrong

instrument(excluded_urls="healthz", endpoints={"/hooks/github": TrackOptions("github")})
instrument(endpoints={"/hooks/stripe": {"provider": "stripe", "signature_secret": ["new", "old"]}})
instrument(endpoints={"/hooks/stripe": {"provider": "stripe", "signature_secert": "s"}})  # wrong
instrument(endpoints={"/hooks/stripe": {"signature_secret": "s"}})  # wrong
instrument(endpoint={})  # wrong

app = FastAPI()
app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(provider="stripe", event_type_field="type"))
app.add_middleware(OutworxHooksMiddleware, option=TrackOptions(provider="stripe"))  # wrong
app.add_middleware(OutworxHooksMiddleware, options={"provider": "stripe"})  # wrong

FastAPIInstrumentor().instrument(skip_dep_check=True)
FastAPIInstrumentor().instrument(tracer_provder=None)  # wrong
FastAPIInstrumentor.instrument_app(app, excluded_urls="healthz")
FastAPIInstrumentor.instrument_app(app, excluded_urls=["healthz"])  # wrong


@app.post("/webhooks/stripe")
@webhook("stripe", signature_secret=os.environ["STRIPE"], idempotency_key=True, require_processing_mark=True)
async def stripe(request: Request) -> dict[str, bool]:
    track = current_track()
    track.processed({"order": 7})
    track.processed("done")  # wrong
    track.failed()  # wrong
    return {"received": True}


as_it_was: Callable[[Request], Awaitable[dict[str, bool]]] = stripe
other: Callable[[int], None] = stripe  # wrong


async def verify(raw_body: bytes, headers: object) -> bool:
    return raw_body == b""


webhook(TrackOptions("acme"), signature_verifier=verify, methods=["POST"], signature_tolerance=60)
webhook("stripe", signature_secert="s")  # wrong
webhook("stripe", require_processing_mark="yes")  # wrong
webhook("stripe", idempotency_on_conflict="maybe")  # wrong
webhook("stripe", methods=7)  # wrong
webhook("stripe", provider="github")  # wrong
webhook(7)  # wrong
TrackOptions("stripe", idempotency_ttl="1d")  # wrong
TrackOptions(event_type_field="type")  # wrong

with resume("token") as resumed:
    resumed.ignored("too old")
resume(7)  # wrong
