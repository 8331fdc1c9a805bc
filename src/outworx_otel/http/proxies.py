"""Which proxy a URL is called through, as the environment says: one answer for all that we call servers with.

Read are HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY, in small letters first, as curl does; where none of them is
set, the settings of macOS and Windows. This machine itself is never called through a proxy: what is meant for it,
a key included, would go to somebody else.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import os
from typing import Final
from urllib.parse import unquote, urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.process.environment import Environ

_DEFAULT_PORTS: Final = {"http": 80, "https": 443, "socks5": 1080}
# Desktops write socks:// and mean version 5. Names are looked up by the proxy in either case.
_SCHEMES: Final = {
    "http": "http",
    "https": "https",
    "socks": "socks5",
    "socks5": "socks5",
    "socks5h": "socks5",
}


@dataclasses.dataclass(frozen=True)
class Proxy:
    """A proxy.

    Args:
        scheme: "http", "https" or "socks5".
        host: its name or address.
        port: its port.
        user: what it is told, with `password`; None where it asks for nothing.
        password: see there.
        source: the variable that names it.
    """

    scheme: str
    host: str
    port: int
    user: str | None = dataclasses.field(default=None, repr=False)
    password: str | None = dataclasses.field(default=None, repr=False)
    source: str = ""

    @property
    def url(self) -> str:
        """Its URL, without user and password."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def credentials(self) -> tuple[str, str] | None:
        """User and password, None where there are none."""
        return None if self.user is None else (self.user, self.password or "")

    def __str__(self) -> str:
        return f"the proxy {self.url} ({self.source})"


def proxy_for(url: str, environ: Environ | None = None) -> Proxy | None:
    """Returns the proxy that this URL is called through, None if it is called directly.

    Args:
        url: an http:// or https:// URL.
        environ: environment variables; None is the process's own.

    Raises:
        ConfigurationError: the variable that counts names no proxy that can be used.
    """
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    if not host or is_this_machine(host):
        return None
    variables = os.environ if environ is None else environ
    port = parts.port or _DEFAULT_PORTS.get(parts.scheme)
    found = _named(parts.scheme, variables)
    if found is not None:
        name, value = found
        excluded = variables.get("no_proxy", variables.get("NO_PROXY", ""))
        return None if not value or _is_excluded(host, port, excluded) else _parsed(value, name)
    if environ is None and not any(_named(scheme, variables) for scheme in ("http", "https")):
        import urllib.request

        # On macOS and Windows the system's settings, elsewhere nothing.
        value = urllib.request.getproxies().get(parts.scheme, "")
        if value and not urllib.request.proxy_bypass(host):
            return _parsed(value, "the system's settings")
    return None


def is_this_machine(host: str) -> bool:
    """Returns whether a host name or address means this machine and nothing else, without looking it up."""
    address = _address(host)
    if address is not None:
        return address.is_loopback or address.is_unspecified
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


def _named(scheme: str, variables: Environ) -> tuple[str, str] | None:
    """The variable that counts, and its value: empty where it switches a proxy off."""
    for name in (f"{scheme}_proxy", "all_proxy"):
        for variable in (name, name.upper()):
            # Under CGI it is the header Proxy of whoever calls (https://httpoxy.org).
            if variable == "HTTP_PROXY" and "REQUEST_METHOD" in variables:
                continue
            if variable in variables and (variable.islower() or variables[variable].strip()):
                return variable, variables[variable].strip()
    return None


def _parsed(value: str, source: str) -> Proxy:
    # No error shows the value: a password may stand in it.
    text = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(text)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        scheme, host, port = "", None, None
    if scheme.isalnum() and scheme not in _SCHEMES:
        raise ConfigurationError(
            f"{source} names a proxy by {scheme}://, which is not known: write http://, https:// or socks5h://, or "
            "except this server with NO_PROXY"
        )
    if not host or not host.isascii():
        raise ConfigurationError(
            f"{source} is no proxy's address: write http://host:port or socks5h://host:port, or unset it"
        )
    known = _SCHEMES[scheme]
    user = None if parts.username is None else unquote(parts.username)
    password = None if parts.password is None else unquote(parts.password)
    return Proxy(known, host, port or _DEFAULT_PORTS[known], user, password, source)


def _is_excluded(host: str, port: int | None, no_proxy: str) -> bool:
    return any(_covers(entry, host.lower(), port) for entry in no_proxy.replace(",", " ").lower().split())


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether an entry of NO_PROXY means this host: `*`, a domain, an address or a network, maybe with a port."""
    if entry == "*":
        return True
    entry = entry.rpartition("://")[2]
    address = _address(host)
    if _network(entry) is None:
        # [::1]:8080, host:8080; an IPv6 address without brackets was a network above.
        name, colon, digits = entry.rpartition(":")
        if colon and digits.isdecimal():
            if int(digits) != port:
                return False
            entry = name
    network = _network(entry)
    if network is not None:
        return address is not None and address.version == network.version and address in network
    domain = entry.removeprefix("*").removeprefix(".").rstrip(".")
    return bool(domain) and address is None and (host == domain or host.endswith(f".{domain}"))


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return address if mapped is None else mapped


def _network(entry: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    # [::1]:8080 has a port, and without its brackets would be another address.
    bare = entry if "]:" in entry else entry.replace("[", "").replace("]", "")
    try:
        return ipaddress.ip_network(bare, strict=False)
    except ValueError:
        return None
