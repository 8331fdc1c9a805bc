"""Error pages: the database is away, a form is out of date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.store import QueryTooWide, StoreBusy, StoreUnavailable

View = Callable[[Request], Awaitable[Response]]

_RETRY_SECONDS: Final = "5"
_TITLES: Final = {
    403: "That did not come from this page",
    404: "There is no such page",
    413: "That is too large",
}


def as_page(pages: Pages, view: View) -> View:
    """Wraps a view so that its errors are answered as pages."""

    async def shown(request: Request) -> Response:
        try:
            return await view(request)
        except QueryTooWide as wide:
            return pages.render(
                request, "message.html", 400, title="That is too much to look through", text=str(wide)
            )
        except (StoreBusy, StoreUnavailable) as trouble:
            title, text = "The database cannot be read now", str(trouble)
            response = pages.render(request, "message.html", 503, title=title, text=text)
            response.headers["retry-after"] = _RETRY_SECONDS
            return response
        except HTTPException as refused:
            title = _TITLES.get(refused.status_code, "That did not work")
            response = pages.render(
                request, "message.html", refused.status_code, title=title, text=refused.detail
            )
            response.headers.update(refused.headers or {})
            return response

    return shown
