"""Parses a store's URL so that none of its secrets is ever shown."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from outworx_otel.errors import ConfigurationError


@dataclass(frozen=True, repr=False)
class StoreAddress:
    """A store's URL.

    Args:
        url: with user, password and the client library's own options.
        shown: without.
        options: ours, which the client library would not know.
    """

    url: str
    shown: str
    options: dict[str, str]
    _secrets: tuple[str, ...] = field(default=())

    def __repr__(self) -> str:
        return f"<Address {self.shown}>"

    def scrub(self, text: str) -> str:
        """Returns the first line of a message, without any secret that it quotes."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return text.strip().partition("\n")[0][:300]


def parse_store_url(url: str, own_options: frozenset[str]) -> StoreAddress:
    """Takes a URL apart.

    Args:
        url: as configured.
        own_options: names of query parameters that are ours.

    Raises:
        ConfigurationError: it is no URL. The message never quotes what may hold a password.
    """
    scheme, found, _ = url.partition("://")
    try:
        parts = urlsplit(url)
        host, port, password = parts.hostname, parts.port, parts.password
        query = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        found = ""
    if not found:
        # `from None`: urllib's message quotes the part that it could not read.
        raise ConfigurationError(
            "idempotency_store is no URL such as memory://, redis://host:6379/0 or sqlite:///path; "
            "special characters in a password must be percent-encoded"
        ) from None
    secrets = [value for name, value in query if "pass" in name.lower()]
    if password:
        secrets += [password, unquote(password)]
    place = "" if host is None else f"[{host}]" if ":" in host else host
    own = {name: value for name, value in query if name in own_options}
    rest = [(name, value) for name, value in query if name not in own_options]
    return StoreAddress(
        url=url.partition("?")[0] + (f"?{urlencode(rest)}" if rest else ""),
        shown=f"{scheme}://{place}{f':{port}' if port else ''}{parts.path}",
        options=own,
        _secrets=tuple(sorted({s for s in secrets if s}, key=len, reverse=True)),
    )


def as_number(address: StoreAddress, name: str, default: int = 1) -> int:
    """An option that is a whole number above 0."""
    said = address.options.get(name, str(default))
    if not (said.isascii() and said.isdecimal() and len(said) <= 15 and int(said) >= 1):
        raise ConfigurationError(
            f"idempotency_store {address.shown}: {name}={said[:20]!r} must be a whole number above 0"
        )
    return int(said)


def as_flag(address: StoreAddress, name: str) -> bool:
    """An option that is true or false; unset, it is false."""
    said = address.options.get(name, "false").lower()
    if said not in ("true", "false", "1", "0"):
        raise ConfigurationError(
            f"idempotency_store {address.shown}: {name}={said[:20]!r} must be true or false"
        )
    return said in ("true", "1")
