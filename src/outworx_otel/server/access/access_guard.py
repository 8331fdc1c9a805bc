"""The outermost ASGI application, which checks every request and completes every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from outworx_otel.http.headers import announced_length
from outworx_otel.server.access.api_keys import ApiKeys, bearer
from outworx_otel.server.access.attempts import BadKeys
from outworx_otel.server.access.origins import Origins
from outworx_otel.server.access.page_headers import secured
from outworx_otel.server.access.places import Place, Places
from outworx_otel.server.access.policies import READING, Policy, Rule, policy_of, rule_of
from outworx_otel.server.access.refusals import RequestRefused, refusal
from outworx_otel.server.access.sessions import COOKIE, BrowserSessions, BrowserVisit
from outworx_otel.server.purposes import EVERY, Purpose, refused, says_a_purpose
from outworx_otel.server.settings import Settings
from outworx_otel.server.signposts import signpost

VISIT: Final = "outworx.visit"

# A form of ours; ingest and the relay have limits of their own.
_MAX_PAGE_BYTES: Final = 64 * 1024
FORM_SECONDS: Final = 20.0
BODY_SECONDS: Final = 60.0
# A body that is still coming after this time gives way to a new request, where all places are taken.
PATIENCE_SECONDS: Final = 10.0
# Marks the scope of a request that has its place by a key: its connection outlives those of strangers.
PROVEN: Final = "outworx.proven"
# What whoever asks may do, in the scope of a request that goes on.
PURPOSES: Final = "outworx.purposes"
_OTHER_NAME: Final = (
    "This server does not answer to the name in the request's Host header (so that no web page can get at it by DNS"
    " rebinding). Use localhost or its address, send an API key, or start it with --public-url or --allowed-host."
)
_OTHER_PAGE: Final = (
    "Another site's page may not send requests here without an API key. If it is this server's own page behind a"
    " proxy, the proxy hides the name by which the browser asks: let it send that (nginx: proxy_set_header Host"
    " $http_host), or start the server with --public-url and the address in the browser, port included."
)
_NO_KEY: Final = (
    "An API key is needed: send it as 'Authorization: Bearer <key>' (the SDK and the command line take it from"
    " OUTWORX_API_KEY), or log in at /login."
)
_WRONG_KEY: Final = (
    "This API key is not taken. Check that it is one of this server's (--api-key, or the one that it printed when it"
    " first started) and that the header reads 'Authorization: Bearer <key>'."
)
_WITH_PURPOSE: Final = (
    " What stands before its colon is for the server's --api-key alone: send the key without it."
)
_TOO_MANY: Final = (
    "Too many requests with a wrong API key came from this address: find what sends them, and wait."
)
_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="outworx"'}


RefusalPage = Callable[[Scope, int, str], Response | None]
"""Makes the page that a browser is turned away with, out of status and message; None where no page is wanted."""


class AccessGuard:
    """Checks, in this order: the path, a key, the server's name, the origin, a session, and whether there is room.

    The scope gets `outworx.visit`: whose browser it is.
    """

    def __init__(
        self,
        app: ASGIApp,
        settings: Settings,
        keys: ApiKeys,
        sessions: BrowserSessions,
        bad_keys: BadKeys,
        origins: Origins,
        page: RefusalPage,
    ) -> None:
        self._app = app
        self._settings = settings
        self._keys = keys
        self._sessions = sessions
        self._bad_keys = bad_keys
        self._origins = origins
        self._page = page
        self._places = Places(settings.max_concurrent, PATIENCE_SECONDS)
        self._strangers = Places(settings.max_strangers, 0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif policy_of(scope["path"]) is Policy.TUNNEL and self._settings.relay_port is None:
            await self._app(scope, receive, send)
        else:
            await self._guarded(scope, receive, send)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        rule = rule_of(scope["path"])
        headers = Headers(scope=scope)
        visit = self._sessions.visit(cookie_parser(headers.get("cookie", "")).get(COOKIE))
        scope[VISIT] = visit

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = secured(message, self._settings.is_https, self._cookie(visit))
            await send(message)

        try:
            if not scope["path"].startswith("/"):
                raise RequestRefused(400, "The request's target must be a path: this server is no proxy.")
            # Before the key is looked at: a sender that is told of a key would look for its fault there.
            elsewhere = signpost(scope["method"], scope["path"])
            if elsewhere is not None:
                raise RequestRefused(*elsewhere)
            app = self._app if self._may_pass(scope, rule, headers, visit) else _to_login(scope)
            places = self._places if scope.get(PROVEN) else self._strangers
            with places.place() as place:
                await app(scope, _bounded(receive, place, rule.policy, headers), answer)
        except RequestRefused as turned_away:
            response = self._page(scope, turned_away.status, turned_away.message)
            if response is None:
                response = refusal(scope, turned_away.status, turned_away.message, turned_away.headers)
            else:
                response.headers.update(turned_away.headers or {})
            await response(scope, receive, answer)

    def _may_pass(self, scope: Scope, rule: Rule, headers: Headers, visit: BrowserVisit) -> bool:
        """Returns whether the request goes on; False if the browser must log in first.

        Marks the scope of whoever has a key, or a session of one, as `PROVEN`, and with what it is for.

        Raises:
            RequestRefused: it goes no further.
        """
        policy = rule.policy
        # A valid key proves more than a name, and another site's page has none.
        digest = self._key(scope, policy, headers)
        if digest is not None:
            _check_purpose(scope, rule, self._keys.purposes(digest))
            scope[PROVEN] = True
            return True
        # The page that says so has a style, which is the same for everybody.
        if not self._origins.answers_to(headers) and not scope["path"].startswith("/static/"):
            raise RequestRefused(421, _OTHER_NAME)
        if self._origins.is_foreign(scope["method"], headers):
            raise RequestRefused(403, _OTHER_PAGE)
        scope[PROVEN] = visit.logged_in or (policy is not Policy.PUBLIC and not self._keys.required)
        scope[PURPOSES] = visit.purposes if self._keys.required else EVERY
        if policy is Policy.PUBLIC or not self._keys.required:
            return True
        reads = scope["method"] in READING
        if visit.logged_in and (policy is Policy.PAGE or (policy is Policy.READ and reads)):
            _check_purpose(scope, rule, visit.purposes)
            return True
        if policy is Policy.PAGE and reads and "text/html" in headers.get("accept", ""):
            return False
        raise RequestRefused(401, _NO_KEY, _CHALLENGE)

    def _key(self, scope: Scope, policy: Policy, headers: Headers) -> bytes | None:
        """Returns the digest of the key that the request carries; None where it has none or none counts.

        Raises:
            RequestRefused: the key is not taken, or was tried too often.
        """
        given = headers.getlist("authorization")
        if policy is Policy.PUBLIC or not self._keys.required or not given:
            return None
        if policy is Policy.PAGE and scope["method"] not in READING:
            return None
        key = bearer(given[0]) if len(given) == 1 else None
        found = None if key is None else self._keys.find(key)
        wait = (self._bad_keys.too_many if found is None else self._bad_keys.must_wait)(caller(scope))
        if wait is not None:
            raise RequestRefused(429, _TOO_MANY, {"Retry-After": str(wait), **_CHALLENGE})
        if found is None:
            more = _WITH_PURPOSE if key is not None and says_a_purpose(key) else ""
            raise RequestRefused(401, _WRONG_KEY + more, _CHALLENGE)
        return found

    def _cookie(self, visit: BrowserVisit) -> bytes | None:
        """Returns the cookie that a form is bound to, for a visitor who was given a form."""
        if not (visit.fresh and visit.token_given):
            return None
        secure = "; Secure" if self._settings.is_https else ""
        value = self._sessions.anonymous(visit)
        return (
            f"{COOKIE}={value}; HttpOnly; Max-Age={self._settings.session_seconds}; Path=/; SameSite=lax{secure}"
        ).encode("latin-1")


def _check_purpose(scope: Scope, rule: Rule, purposes: frozenset[Purpose]) -> None:
    """Notes what whoever asks may do.

    Raises:
        RequestRefused: 403, it is not this.
    """
    needed = rule.purpose(scope["method"])
    if needed is not None and needed not in purposes:
        raise RequestRefused(403, refused(needed, purposes))
    scope[PURPOSES] = purposes


def _to_login(scope: Scope) -> Response:
    wanted: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    # Some servers, and older Starlette's test client, put the query into it too.
    wanted = wanted.partition(b"?")[0]
    if scope["query_string"]:
        wanted += b"?" + scope["query_string"]
    return RedirectResponse(f"/login?next={quote(wanted, safe='')}", 303)


def caller(scope: Scope) -> str:
    """Returns the address that a request comes from."""
    client = scope.get("client")
    return str(client[0]) if client else "unknown"


def _bounded(receive: Receive, place: Place, policy: Policy, headers: Headers) -> Receive:
    """Wraps `receive` with the bounds of the request's body.

    Raises:
        RequestRefused: 413 for a form that announces too much.
    """
    if policy not in (Policy.PAGE, Policy.PUBLIC):
        # How large it may be is known where it is read.
        return place.bounded(receive, BODY_SECONDS, None)
    if (announced_length(headers.get("content-length")) or 0) > _MAX_PAGE_BYTES:
        raise RequestRefused(413, f"A form may have {_MAX_PAGE_BYTES} bytes.")
    return place.bounded(receive, FORM_SECONDS, _MAX_PAGE_BYTES)
