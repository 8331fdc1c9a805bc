"""One endpoint for all tenants: each has an address and a secret of its own."""

from __future__ import annotations

import os

from fastapi import FastAPI, Request

from outworx_otel import TrackOptions, init, instrument

# In a database, where there are many. What is found is remembered per address for a minute.
SECRETS = {
    "acme": os.environ.get("ACME_WEBHOOK_SECRET"),
    "globex": os.environ.get("GLOBEX_WEBHOOK_SECRET"),
}


async def secret_of(request: Request) -> str | None:
    """The secret of the tenant that the address names. None: the delivery is refused."""
    return SECRETS.get(request.url.path.rpartition("/")[2])


init(
    endpoints={
        "/webhooks/stripe/*": TrackOptions(
            provider="stripe", signature_secret=secret_of, require_processing_mark=True
        )
    }
)
instrument()

app = FastAPI()


@app.post("/webhooks/stripe/{tenant}")
async def stripe(tenant: str, request: Request) -> dict[str, bool]:
    request.state.outworx_track.processed({"tenant": tenant})
    return {"received": True}
