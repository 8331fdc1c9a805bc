"""FastAPI: `APIRoute.handle` is wrapped, which newer FastAPI does not pass on to Starlette's.

By hand: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import fastapi.routing
from fastapi import FastAPI
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.integrations._patch import Patch
from outworx_otel.integrations.starlette import LIFESPAN, PATCHES, REACH, ROUTE, OutworxHooksMiddleware, gate
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
        prepare(**kwargs)
        REACH.open("fastapi")
        _apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if REACH.close("fastapi"):
            for patch in PATCHES:
                patch.remove()

    @staticmethod
    def instrument_app(app: FastAPI, **kwargs: Any) -> None:
        """Acts on one application (and not on those mounted in it); arguments as for `instrument`."""
        prepare(strict=True, **kwargs)
        REACH.add(app)
        _apply()

    @staticmethod
    def uninstrument_app(app: FastAPI) -> None:
        """Leaves one application alone again."""
        REACH.remove(app)


def _apply() -> None:
    ROUTE.apply()
    LIFESPAN.apply()
    # Older FastAPI has no `handle` of its own.
    if "handle" in vars(fastapi.routing.APIRoute):
        _API_ROUTE.apply()


_API_ROUTE: Final = Patch(fastapi.routing.APIRoute, "handle", gate)
PATCHES.append(_API_ROUTE)
