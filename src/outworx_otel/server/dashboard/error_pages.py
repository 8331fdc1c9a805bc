"""Error pages: no such page, the database is away, a form is out of date, a fault of ours."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from outworx_otel.server.access import RefusalPage
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.store import QueryTooWide, StoreBusy, StoreUnavailable

View = Callable[[Request], Awaitable[Response]]
Handler = Callable[[Request, Exception], Awaitable[Response]]

_RETRY_SECONDS: Final = "5"
_TITLES: Final = {
    403: "That did not come from this page",
    404: "There is no such page",
    405: "That is no page to look at",
    413: "That is too large",
    500: "Something went wrong here",
}
_TEXTS: Final = {
    404: "Nothing is at this address: it may be mistyped, or of another release.",
    405: "Something is sent to this address; there is nothing to see at it.",
    500: "It is a fault of the server's, not yours: its log says what happened.",
}
_REFUSED: Final = {
    401: "An API key is needed",
    403: "That is not allowed",
    413: "That is too large",
    421: "This server does not go by that name",
    429: "Too many wrong keys",
    503: "There is no room now",
}
# What programs ask, whatever they say that they take.
_CALLS: Final = ("/api/", "/v1/", "/t/", "/static/", "/healthz", "/live", "/mcp")


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


def for_browsers(pages: Pages, handlers: Mapping[Any, Handler]) -> dict[Any, Handler]:
    """Returns the handlers, which answer a browser that wanted a page with a page."""
    return {error: _for_browsers(pages, handler) for error, handler in handlers.items()}


def refusal_page(pages: Pages) -> RefusalPage:
    """Returns the page by which the access guard turns a browser away; None is given to all others."""

    def refused(scope: Scope, status: int, message: str) -> Response | None:
        request = Request(scope)
        if not _wants_a_page(request):
            return None
        title = _REFUSED.get(status, "That did not work")
        return pages.render(request, "refused.html", status, title=title, text=message)

    return refused


def _for_browsers(pages: Pages, handler: Handler) -> Handler:
    async def answered(request: Request, error: Exception) -> Response:
        answer = await handler(request, error)
        if not _wants_a_page(request):
            return answer
        status = answer.status_code
        said = bytes(answer.body).decode().strip()
        title = _TITLES.get(status, "That did not work")
        page = pages.render(request, "message.html", status, title=title, text=_TEXTS.get(status, said))
        kept = ("retry-after", "allow")
        page.headers.update({name: answer.headers[name] for name in kept if name in answer.headers})
        return page

    return answered


def _wants_a_page(request: Request) -> bool:
    wants = "text/html" in request.headers.get("accept", "") and request.method in ("GET", "HEAD")
    return wants and not request.url.path.startswith(_CALLS)
