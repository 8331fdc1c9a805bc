"""FastAPI: `APIRoute.handle` is wrapped, which newer FastAPI does not pass on to Starlette's.

By hand: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.
"""

from __future__ import annotations

import fastapi.routing
from fastapi import FastAPI

from outworx_otel.integrations._instrumentor import ApplicationInstrumentor
from outworx_otel.integrations._patch import Patch
from outworx_otel.integrations._starlette import route_gate
from outworx_otel.integrations.starlette import PATCHES, REACH, OutworxHooksMiddleware

__all__ = ["FastAPIInstrumentor", "OutworxHooksMiddleware"]


class FastAPIInstrumentor(ApplicationInstrumentor):
    """One webhook span per delivery to FastAPI routes; `instrument_app` leaves applications mounted in it alone."""

    framework, application = "fastapi", FastAPI
    reach, patches = REACH, PATCHES


# Older FastAPI has no `handle` of its own.
if "handle" in vars(fastapi.routing.APIRoute):
    PATCHES.append(Patch(fastapi.routing.APIRoute, "handle", route_gate))
