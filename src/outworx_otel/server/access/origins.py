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
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Origins:
    """The names of this server.

    Args:
        settings: where it is bound, and what else it is called.
    """

    def __init__(self, settings: Settings) -> None:
        self._port = settings.port
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
        return self._is_called(name)

    def is_foreign(self, method: str, headers: Headers) -> bool:
        """Returns whether another site's page made a request.

        Following a link is no such thing: then the page that is shown is ours. Browsers say who asks by
        `Sec-Fetch-Site`, which no page can forge; over plain HTTP, and older ones, at least by `Origin`; programs by
        neither. Another port of this machine is another site's page.
        """
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site")
        if origin is not None and not self._is_own(origin, headers, same_port=site not in _OWN):
            return True
        if site is None or site in _OWN:
            return False
        follows_a_link = (
            method in _READING
            and headers.get("sec-fetch-mode") == "navigate"
            and headers.get("sec-fetch-dest") == "document"
        )
        return not follows_a_link

    def _is_own(self, origin: str, headers: Headers, *, same_port: bool) -> bool:
        """Returns whether an Origin header names this server, as the request or a proxy's headers call it.

        No other site's page can send `X-Forwarded-Host`: the browser would ask first whether it may.

        Args:
            origin: the header.
            headers: the request's.
            same_port: compare the ports; needless where the browser vouches for the origin.
        """
        asking = _netloc(origin)
        if asking is None:
            return False
        if origin.lower() in self._origins:
            return True
        forwarded = [name.strip() for name in headers.get("x-forwarded-host", "").split(",")]
        for host in (headers.get("host", ""), *forwarded):
            name, port = _name_and_port(host)
            if name is None or name != asking[0] or not self._is_called(name):
                continue
            if not same_port or (port or self._left_out(asking[1], origin, headers)) == asking[1]:
                return True
        return False

    def _left_out(self, asked: int, origin: str, headers: Headers) -> int:
        """Returns the port that a Host without one stands for, where a browser asks for the port `asked`."""
        named = headers.get("x-forwarded-port", "")
        if named.isdecimal() and len(named) < 6:
            return int(named)
        if self._port in _DEFAULT_PORTS.values():
            return _DEFAULT_PORTS[origin.lower().partition("://")[0]]
        # A browser names every port but its scheme's own: a proxy has left it out (nginx: `Host $host`).
        return asked

    def _is_called(self, name: str) -> bool:
        return name in self._names or is_loopback(name) or (self._any_address and _address(name) is not None)


def _netloc(origin: str) -> tuple[str, int] | None:
    """The name and the port of an Origin header; None where it is "null", or no web page's."""
    scheme, _, netloc = origin.lower().partition("://")
    name, port = _name_and_port(netloc)
    if scheme not in _DEFAULT_PORTS or name is None:
        return None
    return name, port or _DEFAULT_PORTS[scheme]


def _name_and_port(host: str) -> tuple[str | None, int | None]:
    name = _name_of(host.lower())
    return name, None if name is None else urlsplit(f"//{host}").port


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
