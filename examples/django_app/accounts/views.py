"""A view for each provider. They are `csrf_exempt`: providers have no CSRF token, they sign."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

logger = logging.getLogger(__name__)

users: dict[str, str] = {}


@csrf_exempt
@require_POST
def identity(request: HttpRequest) -> JsonResponse:
    """Users come and go at the identity service."""
    event: dict[str, Any] = json.loads(request.body)
    user = event["data"]
    track = request.outworx_track
    match event["type"]:
        case "user.created":
            users[user["id"]] = user["email"]
            track.processed()
        case "user.deleted":
            if users.pop(user["id"], None) is None:
                track.failed(f"there is no account for {user['id']}")
            else:
                track.processed()
        case other:
            track.ignored(f"not concerned with {other}")
    return JsonResponse({"received": True})


@csrf_exempt
@require_POST
async def github(request: HttpRequest) -> JsonResponse:
    """Releases are announced, pushes are counted."""
    event = request.headers["X-GitHub-Event"]
    payload = json.loads(request.body)
    if event == "push":
        request.outworx_track.processed({"commits": len(payload["commits"])})
    elif event == "release":
        # A bug of the common kind: without `await` nothing is announced, and GitHub is told 200.
        announce(request, payload["release"]["tag_name"])
    else:
        request.outworx_track.ignored(f"not concerned with {event}")
    return JsonResponse({"received": True})


async def announce(request: HttpRequest, version: str) -> None:
    """Tells everyone who has an account."""
    for email in users.values():
        logger.info("to %s: %s is out", email, version)
        await asyncio.sleep(0)
    request.outworx_track.processed({"version": version, "readers": len(users)})
