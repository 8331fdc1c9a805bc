"""The settings of `outworx serve`."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.channel_tables import ChannelTables
from outworx_otel.server.purposes import given_key
from outworx_otel.server.rule_settings import RuleSettings

MIB = 1024 * 1024

_KEY: Final = re.compile(r"[\x21-\x7e]{8,512}")
_HOST: Final = re.compile(r"[A-Za-z0-9_.:%-]+")


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured.

    Args:
        host: the address to bind.
        port: the port; 4318 is OTLP/HTTP's own. 0 takes a free one.
        database: `sqlite:///path`, `postgresql+psycopg://...`, `clickhouse://...` or `chdb:///path`.
        state: where the last two keep what needs transactions: one of the first two; None: a file beside.
        channels: those that alerts are sent to, as the configuration file names them.
        api_keys: the keys that are taken, each with its purpose before it or without one (`purposes.given_key`);
            none, on loopback, means any or none.
        new_key: make a new key where one was made before and would be taken again.
        public_url: how the outside reaches this server, for the tunnel's addresses and the Host check.
        allowed_hosts: further names that requests may be addressed to.
        trusted_proxies: addresses whose `X-Forwarded-For` and `-Proto` are believed.
        relay_port: a port of its own for tunnelled requests.
        relay_url: how the outside reaches that port; without it `public_url`'s host, and the port.
        retention_days: what arrived before is removed.
        max_database_bytes: deliveries go when the database grows beyond it, first those that were not proved genuine.
        max_request_bytes: of an ingest request as it comes; `max_decoded_bytes` once it is decompressed.
        max_queued_bytes: decoded requests that wait to be written; beyond it requests are answered 503.
        max_header_bytes: of a request's line and headers.
        max_concurrent: requests at once of callers with a key (where none is needed: of all), the tunnel's not
            counted (the relay has its own bounds).
        max_strangers: requests at once of callers without a key: logins, assets, `/healthz`.
        heartbeat_seconds: how often a live page hears that its connection still stands.
        session_seconds: how long a login to the dashboard lasts.
        rules: when alerts are raised.

    Raises:
        ConfigurationError: a value that cannot be used, by the command's option.
    """

    host: str = "127.0.0.1"
    port: int = 4318
    database: str = field(default="sqlite:///outworx.db", repr=False)
    state: str | None = field(default=None, repr=False)
    channels: ChannelTables = field(default=ChannelTables(), repr=False)
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    new_key: bool = False
    public_url: str | None = None
    allowed_hosts: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    relay_port: int | None = None
    relay_url: str | None = None
    retention_days: float = 30.0
    max_database_bytes: int = 4096 * MIB
    max_request_bytes: int = 8 * MIB
    max_decoded_bytes: int = 32 * MIB
    max_queued_bytes: int = 64 * MIB
    max_header_bytes: int = 64 * 1024
    max_concurrent: int = 1000
    max_strangers: int = 200
    heartbeat_seconds: float = 10.0
    session_seconds: int = 7 * 86_400
    rules: RuleSettings = field(default_factory=RuleSettings)

    def __post_init__(self) -> None:
        if not _HOST.fullmatch(self.host):
            raise ConfigurationError(f"--host {self.host!r} is no address or name to bind")
        _check_port("--port", self.port)
        if self.relay_port is not None:
            _check_port("--relay-port", self.relay_port)
            if self.relay_port == self.port != 0:
                raise ConfigurationError(
                    f"--relay-port {self.relay_port} is --port too: the relay's own port must differ from it"
                )
        for key in self.api_keys:
            _check_key(given_key(key).key)
        if self.public_url is not None:
            _check_origin("--public-url", self.public_url)
        if self.relay_url is not None:
            _check_origin("--relay-url", self.relay_url)
            if self.relay_port is None:
                raise ConfigurationError("--relay-url is the address of --relay-port, which is not set")
        if not self.retention_days > 0:
            raise ConfigurationError("--retention-days must be more than 0")
        if self.max_database_bytes < 16 * MIB:
            raise ConfigurationError("--max-database-size must be at least 16MiB")

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)

    @property
    def is_exposed(self) -> bool:
        """Whether others than this machine can reach it: by its own address, or as a proxy's `public_url`."""
        return not self.is_loopback or (
            self.public_url is not None and not is_loopback(urlsplit(self.public_url).hostname or "")
        )

    @property
    def tunnel_url(self) -> str | None:
        """How the outside reaches tunnels; None: as it reached whoever asks."""
        if self.relay_port is None:
            return self.public_url
        if self.relay_url is not None or self.public_url is None:
            return self.relay_url
        host = urlsplit(self.public_url).hostname or ""
        return (
            f"{urlsplit(self.public_url).scheme}://{f'[{host}]' if ':' in host else host}:{self.relay_port}"
        )

    @property
    def own_url(self) -> str:
        """The address that a message leads to: `public_url`, or else how this machine reaches the server."""
        if self.public_url is not None:
            return self.public_url.rstrip("/")
        return f"http://{self.own_host}:{self.port}"

    @property
    def own_host(self) -> str:
        """How this machine calls itself in a URL."""
        wildcard = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # a name for it, no binding
        return wildcard.get(self.host, f"[{self.host}]" if ":" in self.host else self.host)

    @property
    def is_https(self) -> bool:
        """Whether browsers reach it by HTTPS."""
        return self.public_url is not None and urlsplit(self.public_url).scheme == "https"


def is_loopback(host: str) -> bool:
    """Whether a host's name or address is this machine's own, and no other's."""
    name = host.strip("[]").lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _check_port(option: str, port: int) -> None:
    if not 0 <= port <= 65_535:
        raise ConfigurationError(f"{option} {port} is no port: 1 to 65535, or 0 for a free one")


def _check_key(key: str) -> None:
    # The key itself never appears in a message: it ends up in logs.
    if not key:
        raise ConfigurationError("--api-key is empty: is the variable that it comes from unset?")
    if not _KEY.fullmatch(key):
        raise ConfigurationError(
            "--api-key must be 8 to 512 visible ASCII characters: anything else cannot be sent in a header,"
            ' or is quickly guessed. For a good one: python -c "import secrets; print(secrets.token_urlsafe(32))"'
        )


def _check_origin(option: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        parts = urlsplit("")
    plain = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if parts.scheme not in ("http", "https") or not parts.hostname or not plain:
        raise ConfigurationError(
            f"{option} {url!r} must be an origin such as https://hooks.example.com, without a path:"
            " the dashboard needs a host or a port of its own"
        )
