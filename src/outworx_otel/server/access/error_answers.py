"""Answers to what goes wrong behind the routes."""

from __future__ import annotations

import logging
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from outworx_otel.server.access.refusals import refusal
from outworx_otel.server.store import QueryTooWide, StoreBusy, StoreUnavailable

_logger = logging.getLogger("outworx_otel.server")
_RETRY_AFTER: Final = {"Retry-After": "5"}


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal(request.scope, error.status_code, error.detail, error.headers)


async def _busy(request: Request, error: Exception) -> Response:
    seconds = str(getattr(error, "retry_after", 2))
    return refusal(
        request.scope, 503, "More is waiting to be written than may: try again.", {"Retry-After": seconds}
    )


async def _unavailable(request: Request, error: Exception) -> Response:
    _logger.error("the database cannot be used: %s", error)
    return refusal(request.scope, 503, str(error), _RETRY_AFTER)


async def _too_wide(request: Request, error: Exception) -> Response:
    return refusal(request.scope, 400, str(error))


async def _fault(request: Request, error: Exception) -> Response:
    # Starlette raises it again after the answer: uvicorn logs it with its traceback.
    return refusal(request.scope, 500, "Something went wrong here; the server's log says what.")


HANDLERS: Final[dict[Any, Any]] = {
    HTTPException: _http,
    StoreBusy: _busy,
    QueryTooWide: _too_wide,
    StoreUnavailable: _unavailable,
    Exception: _fault,
}
