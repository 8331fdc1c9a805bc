"""An issue tracker that follows GitHub: Starlette, with the adapter in its list of middleware."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from outworx_otel import TrackOptions
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

opened: dict[int, str] = {}


async def github(request: Request) -> JSONResponse:
    event = await request.json()
    track = request.state.outworx_track
    if request.headers["x-github-event"] == "issues" and event["action"] == "opened":
        opened[event["issue"]["number"]] = event["issue"]["title"]
        track.processed({"issue": event["issue"]["number"]})
    else:
        track.ignored("not a new issue")
    return JSONResponse({"received": True})


options = TrackOptions(
    provider="github",
    signature_secret_env="GITHUB_WEBHOOK_SECRET",
    require_processing_mark=True,
    paths=["/webhooks/github"],
)
app = Starlette(
    routes=[Route("/webhooks/github", github, methods=["POST"])],
    middleware=[Middleware(OutworxHooksMiddleware, options=options)],  # the first in the list
)
