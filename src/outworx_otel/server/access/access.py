"""The interface of access control: what pages call, and the application that wraps all others."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp

from outworx_otel.server.access.access_guard import PURPOSES, VISIT, AccessGuard, RefusalPage, caller
from outworx_otel.server.access.api_keys import ApiKeys
from outworx_otel.server.access.attempts import BadKeys
from outworx_otel.server.access.origins import Origins
from outworx_otel.server.access.sessions import COOKIE, BrowserSessions, BrowserVisit
from outworx_otel.server.purposes import Purpose, refused
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store

_FIELD = "csrf"


class Access:
    """Access control of the server.

    Args:
        settings: keys, names, limits.
        store: holds the signing key, and the digest of a key that was made here.

    Attributes:
        keys: says whether a key was made just now.
    """

    def __init__(self, settings: Settings, store: Store) -> None:
        self.keys = ApiKeys(settings, store)
        self._settings = settings
        self._sessions = BrowserSessions(self.keys, store, settings.session_seconds)
        self._bad_keys = BadKeys()
        self._origins = Origins(settings)

    @property
    def needs_login(self) -> bool:
        """Whether pages ask for a key."""
        return self.keys.required

    def wrap(self, app: ASGIApp, page: RefusalPage) -> ASGIApp:
        """The application behind every check, with the headers of ours on every answer; `page` for browsers."""
        return AccessGuard(
            app, self._settings, self.keys, self._sessions, self._bad_keys, self._origins, page
        )

    def csrf_token(self, request: Request) -> str:
        """For the hidden field `csrf` of a form, on any page; the visitor gets a cookie that it belongs to."""
        visit = _visit(request)
        visit.token_given = True
        return self._sessions.form_token(visit)

    async def form(self, request: Request) -> FormData:
        """Returns a submitted form of ours.

        Raises:
            HTTPException: 403 where it is not ours, or too old; 413 where it is too large; 400 where it is no form.
        """
        form = await request.form(max_files=0, max_fields=50)
        token = form.get(_FIELD)
        visit = _visit(request)
        if visit.fresh or not isinstance(token, str) or not self._sessions.is_form_token(visit, token):
            raise HTTPException(
                403,
                "This form is out of date, or the browser sent no cookie with it. Load the page again and retry.",
            )
        return form

    def log_in(self, request: Request, key: str) -> str | None:
        """The cookie's value for a key that is taken; None for any other.

        Raises:
            HTTPException: 429 after too many bad keys from this address; 403 for a key that may not read.
        """
        digest = self.keys.find(key.strip())
        judge = self._bad_keys.too_many if digest is None else self._bad_keys.must_wait
        wait = judge(caller(request.scope))
        if wait is not None:
            raise HTTPException(
                429, f"Too many wrong keys. Wait {wait} seconds and try again.", {"Retry-After": str(wait)}
            )
        if digest is None:
            return None
        if Purpose.READ not in (purposes := self.keys.purposes(digest)):
            raise HTTPException(403, refused(Purpose.READ, purposes))
        return self._sessions.logged_in(digest)

    def is_logged_in(self, request: Request) -> bool:
        """Returns whether this browser has logged in."""
        return _visit(request).logged_in

    def purposes(self, request: Request) -> frozenset[Purpose]:
        """Returns what whoever asks may do: what the key or the session is for; all of it where no key is needed."""
        found: frozenset[Purpose] = request.scope[PURPOSES]
        return found

    def set_cookie(self, response: Response, value: str) -> None:
        """Sends the cookie that `log_in` made."""
        # Lax, not Strict: a link to a delivery, followed from a chat, must not end at the login page.
        response.set_cookie(
            COOKIE,
            value,
            max_age=self._settings.session_seconds,
            httponly=True,
            samesite="lax",
            secure=self._settings.is_https,
        )

    async def log_out(self, request: Request, response: Response) -> None:
        """Ends the session, here and in the browser."""
        visit = _visit(request)
        if visit.logged_in:
            await run_in_threadpool(self._sessions.end, visit)
        visit.token_given = False
        response.delete_cookie(COOKIE, httponly=True, samesite="lax", secure=self._settings.is_https)


def _visit(request: Request) -> BrowserVisit:
    visit = request.scope[VISIT]
    assert isinstance(visit, BrowserVisit)
    return visit
