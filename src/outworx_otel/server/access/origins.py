"""Checks the Host and Origin of requests: which names the server answers to, which pages may call it.

A page of a stranger, open in the browser of whoever runs this server, can send requests to 127.0.0.1. It must not
change anything, and must not read anything either, not even by giving its own name this machine's address (DNS
rebinding).
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from outworx_otel.server.settings import Settings, is_loopback

_OWN: Final = frozenset({"same-origin", "none"})
_READING: Final = frozenset({"GET", "HEAD"})


class Origins:
    """The names of this server.

    Args:
        settings: where it is bound, and what else it is called.
    """

    def __init__(self, settings: Settings) -> None:
        bound = _address(settings.host)
        # A browser that sends an address as the host has not asked DNS: that cannot be a rebinding.
        self._any_address = bound is not None and bound.is_unspecified
        self._names = {settings.host.lower(), *(_name_of(name) or "" for name in settings.allowed_hosts)}
        self._origins: frozenset[str] = frozenset()
        if settings.public_url is not None:
            parts = urlsplit(settings.public_url)
            self._names.add((parts.hostname or "").lower())
            self._origins = frozenset({f"{parts.scheme}://{parts.netloc}".lower()})
        if not settings.is_loopback:
            self._names.add(socket.gethostname().lower())
        self._names.discard("")

    def answers_to(self, headers: Headers) -> bool:
        """Returns whether a request is addressed to this server."""
        hosts = headers.getlist("host")
        name = _name_of(hosts[0]) if len(hosts) == 1 else None
        if name is None:
            return False
        return name in self._names or is_loopback(name) or (self._any_address and _address(name) is not None)

    def is_foreign(self, method: str, headers: Headers) -> bool:
        """Returns whether another site's page made a request.

        Following a link is no such thing: then the page that is shown is ours. Browsers say who asks by
        `Sec-Fetch-Site`, older ones at least by `Origin`, programs by neither. Ports are compared as well: another
        port of this machine is another site's page.
        """
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, headers.get("host", "")):
            return True
        site = headers.get("sec-fetch-site")
        if site is None or site in _OWN:
            return False
        follows_a_link = (
            method in _READING
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        return not follows_a_link

    def _is_own(self, origin: str, host: str) -> bool:
        scheme, _, netloc = origin.lower().partition("://")
        if scheme not in ("http", "https"):
            return False
        return netloc == host.lower() or origin.lower() in self._origins


def _name_of(host: str) -> str | None:
    """The name in a `Host` header, without port, brackets and the root's dot; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host or parts.username is not None or parts.hostname is None:
        return None
    return parts.hostname.rstrip(".") or None


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return None
