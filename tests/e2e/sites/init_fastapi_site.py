"""FastAPI with everything in code: `init()` and the hand-mounted middleware."""

import os

from fastapi_site import app

from outworx_otel import TrackOptions, init
from outworx_otel.integrations.fastapi import OutworxHooksMiddleware

init(api_key="ohk_in_code", endpoint=os.environ["RECEIVER"])
app.add_middleware(
    OutworxHooksMiddleware,
    options=TrackOptions("github", signature_secret=os.environ["GITHUB_SECRET"], paths=["/webhooks/*"]),
)
