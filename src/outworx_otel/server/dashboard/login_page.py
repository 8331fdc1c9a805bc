"""`/login` and `/logout`: a valid key opens a session."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from outworx_otel.server.access import Access
from outworx_otel.server.dashboard.pages import Pages

_WRONG: Final = "That key is not taken here. It is what the server printed when it started, or its --api-key."


class LoginPage:
    """The views.

    Args:
        pages: renders.
        access: judges keys.
    """

    def __init__(self, pages: Pages, access: Access) -> None:
        self._pages = pages
        self._access = access

    async def show(self, request: Request) -> Response:
        """GET `?next=`."""
        destination = own_path(request.query_params.get("next", ""))
        if not self._access.needs_login or self._access.is_logged_in(request):
            return RedirectResponse(destination, 303)
        return self._page(request, destination)

    async def log_in(self, request: Request) -> Response:
        """POST `key`, `next`."""
        form = await self._access.form(request)
        key, wanted = form.get("key"), form.get("next")
        destination = own_path(wanted if isinstance(wanted, str) else "")
        try:
            cookie = self._access.log_in(request, key if isinstance(key, str) else "")
        except HTTPException as refused:
            return self._page(request, destination, refused.status_code, str(refused.detail))
        if cookie is None:
            return self._page(request, destination, 403, _WRONG)
        response = RedirectResponse(destination, 303)
        self._access.set_cookie(response, cookie)
        return response

    async def log_out(self, request: Request) -> Response:
        """POST."""
        await self._access.form(request)
        response = RedirectResponse("/login", 303)
        await self._access.log_out(request, response)
        return response

    def _page(self, request: Request, destination: str, status: int = 200, problem: str = "") -> Response:
        return self._pages.render(request, "login.html", status, destination=destination, problem=problem)


def own_path(text: str) -> str:
    """Returns `text` if it is a path of this server, else `/`, so that a login never redirects to another site."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return "/"
    elsewhere = parts.scheme or parts.netloc or text.startswith("//") or "\\" in text
    return text if text.startswith("/") and not elsewhere and text.isprintable() else "/"
