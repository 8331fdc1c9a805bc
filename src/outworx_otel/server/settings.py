"""What `outworx serve` can be told."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True)
class Settings:
    """Everything that can be configured.

    Args:
        host: the address to bind.
        port: the port; 4318 is OTLP/HTTP's own. 0 takes a free one.
        database: `sqlite:///path` or `postgresql+psycopg://...`.
        api_keys: the keys that are taken; none, on loopback, means any or none.
        public_url: how the outside reaches this server, for the tunnel's addresses and the Host check.
        relay_port: a port of its own for tunnelled requests.
        retention_days: older deliveries are removed.
        max_database_bytes: the oldest deliveries go when the database grows beyond it.
        max_request_bytes: of an ingest request as it comes; `max_decoded_bytes` once it is decompressed.
        max_queued_bytes: decoded requests that wait to be written; beyond it requests are answered 503.
    """

    host: str = "127.0.0.1"
    port: int = 4318
    database: str = "sqlite:///outworx.db"
    api_keys: tuple[str, ...] = ()
    public_url: str | None = None
    relay_port: int | None = None
    retention_days: float = 30.0
    max_database_bytes: int = 4096 * MIB
    max_request_bytes: int = 8 * MIB
    max_decoded_bytes: int = 32 * MIB
    max_queued_bytes: int = 64 * MIB

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
