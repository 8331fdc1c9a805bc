"""What an ASGI scope says of a request, and what is put into it."""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final
from urllib.parse import quote, unquote

from outworx_otel.delivery.track import TrackContext
from outworx_otel.http.headers import Headers
from outworx_otel.integrations._intake import Intake, Message, Receive

# What may stand unescaped in a path (RFC 3986, section 3.3).
_SAFE: Final = "/!$&'()*+,:;=@~"

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]


def urls_of(scope: Scope, headers: Headers) -> str | tuple[str, ...]:
    """The full URL, as far as the server knows it; several spellings where it gives only a decoded path."""
    host = headers.get("host")
    if host is None:
        host = "{}:{}".format(*(scope.get("server") or ("localhost", 80)))
    query = scope.get("query_string", b"")
    if isinstance(query, bytes):  # some test clients give text
        query = query.decode("latin-1")
    before, after = f"{scope.get('scheme', 'http')}://{host}", f"?{query}" if query else ""
    raw_path, path = scope.get("raw_path"), scope.get("path", "")
    if raw_path:
        letter = raw_path.partition(b"?")[0].decode("latin-1")
        # A prefix that a proxy took off is in the path alone, and not in what came over the wire.
        if unquote(letter) == path or not path.endswith(unquote(letter)):
            return f"{before}{letter}{after}"
        prefix = path[: len(path) - len(unquote(letter))]
        return f"{before}{letter}{after}", f"{before}{quote(prefix)}{letter}{after}"
    return tuple(
        f"{before}{quote(path, safe=safe)}{after}" for safe in ("/!$&'()*+,:;=@~", "/~", "/:@!*'()~", "/")
    )


def native_request(scope: Scope, intake: Intake) -> Any:
    """Starlette's request over what was read ahead, for users' functions; without Starlette the scope."""
    try:
        from starlette.requests import Request
    except ImportError:
        return scope
    return Request(scope, intake.replay())


def status_of(error: BaseException) -> int | None:
    """The status that Starlette's HTTPException (and FastAPI's) asks for; None for any other exception.

    Clients' exceptions have a `status_code` too (openai.APIStatusError), and are errors all the same.
    """
    starlette = sys.modules.get("starlette.exceptions")
    if starlette is None or not isinstance(error, starlette.HTTPException):
        return None
    status: int = error.status_code
    return status


def served_path(scope: Scope) -> str:
    """The path without the `root_path` that the whole application is served below, as its router looks at it."""
    path: str = scope.get("path", "")
    # Below a Mount, Starlette keeps the application's own apart.
    root = scope.get("app_root_path")
    root = (scope.get("root_path") if root is None else root) or ""
    return path[len(root) :] if root and path.startswith(f"{root}/") else path


def expose(scope: Scope, track: TrackContext) -> None:
    """Puts a delivery's handle where `request.state` finds it."""
    state = scope.setdefault("state", {})
    if isinstance(state, dict):
        state["outworx_track"] = track
    else:
        state.outworx_track = track
