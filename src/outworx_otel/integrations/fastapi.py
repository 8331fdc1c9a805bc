"""FastAPI: `APIRoute.handle` is wrapped, which newer FastAPI does not pass on to Starlette's.

By hand: `app.add_middleware(OutworxHooksMiddleware, options=TrackOptions(...))`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

import fastapi.routing
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.bootstrap import prepare
from outworx_otel.integrations._patch import Patch
from outworx_otel.integrations.starlette import ROUTE, OutworxHooksMiddleware, gate

__all__ = ["FastAPIInstrumentor", "OutworxHooksMiddleware"]


class FastAPIInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to FastAPI routes."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("fastapi >= 0.110",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(**kwargs)
        ROUTE.apply()
        if "handle" in vars(fastapi.routing.APIRoute):
            _API_ROUTE.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        _API_ROUTE.remove()
        ROUTE.remove()


_API_ROUTE: Final = Patch(fastapi.routing.APIRoute, "handle", gate)
