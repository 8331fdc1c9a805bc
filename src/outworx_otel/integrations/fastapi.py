"""FastAPI: `APIRoute.handle` is wrapped, which newer FastAPI does not pass on to Starlette's.

By hand: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import fastapi.routing
from fastapi import FastAPI
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.integrations._inside import application_in
from outworx_otel.integrations._patch import Patch
from outworx_otel.integrations._scope import ASGIApp
from outworx_otel.integrations._starlette import route_gate
from outworx_otel.integrations.starlette import PATCHES, REACH, OutworxHooksMiddleware, apply, remove
from outworx_otel.setup.bootstrap import prepare

__all__ = ["FastAPIInstrumentor", "OutworxHooksMiddleware"]


class FastAPIInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to FastAPI routes.

    `FastAPIInstrumentor().instrument()` acts on every application, `FastAPIInstrumentor.instrument_app(app)` on one.
    Both take `tracer_provider`, `meter_provider` and `endpoints`, as `outworx_otel.instrument` does.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("fastapi >= 0.110",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(where="FastAPIInstrumentor().instrument()", **kwargs)
        REACH.open("fastapi")
        apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if REACH.close("fastapi"):
            remove()

    @staticmethod
    def instrument_app(app: ASGIApp, **kwargs: Any) -> None:
        """Acts on one application (and not on those mounted in it); arguments as for `instrument`.

        Args:
            app: the application, or middleware round it.

        Raises:
            ConfigurationError: no FastAPI application is found in `app`.
        """
        prepare(strict=True, where="FastAPIInstrumentor.instrument_app()", **kwargs)
        inside = application_in(app, FastAPI, "FastAPIInstrumentor.instrument_app")
        REACH.add(inside)
        apply()

    @staticmethod
    def uninstrument_app(app: ASGIApp) -> None:
        """Leaves one application alone again."""
        REACH.remove(application_in(app, FastAPI, "FastAPIInstrumentor.uninstrument_app"))


# Older FastAPI has no `handle` of its own.
if "handle" in vars(fastapi.routing.APIRoute):
    PATCHES.append(Patch(fastapi.routing.APIRoute, "handle", route_gate))
