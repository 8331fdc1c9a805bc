"""The headers that every answer of ours carries; the tunnel's answers are not ours."""

from __future__ import annotations

from typing import Final

from starlette.types import Message

_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_ALWAYS: Final = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    # Not no-referrer: Chromium then sends "Origin: null" with our own forms, and they would count as a stranger's.
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
)
_HTTPS_ONLY: Final = (b"strict-transport-security", b"max-age=31536000")
_NO_STORE: Final = (b"cache-control", b"no-store")


def secured(message: Message, https: bool, cookie: bytes | None) -> Message:
    """An answer's start with the headers that belong there; a cookie is set where one is given.

    What a page sets itself of these is replaced, except how long it may be cached.
    """
    wanted = (*_ALWAYS, _HTTPS_ONLY) if https else _ALWAYS
    names = {name for name, _ in wanted}
    headers = [(name, value) for name, value in message.get("headers", []) if name.lower() not in names]
    headers.extend(wanted)
    if all(name.lower() != b"cache-control" for name, _ in headers):
        headers.append(_NO_STORE)
    if cookie is not None:
        headers.append((b"set-cookie", cookie))
    return {**message, "headers": headers}
