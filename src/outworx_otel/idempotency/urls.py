"""Which store a URL means."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.addresses import Address, parse
from outworx_otel.idempotency.guard import BUDGET, Backend, GuardedStore
from outworx_otel.idempotency.memory import MAX_BYTES, MAX_RECORDS, MemoryStore
from outworx_otel.idempotency.protocol import IdempotencyStore

_KNOWN: Final = "memory://, sqlite:///path, postgresql+psycopg://..., redis://..., rediss://..., valkey://... or outworx://..."
_LEFT_OUT: Final = {
    "django-cache": "Django's cache has no compare-and-set, so a late run could overwrite another's answer",
    "sentinel": "Sentinel is not supported; use the address of the primary, or a Cluster",
    "redis+sentinel": "Sentinel is not supported; use the address of the primary, or a Cluster",
    "unix": "a Unix socket is not supported; use redis://127.0.0.1:6379",
}


def open_store(url: str, *, budget: float = BUDGET) -> IdempotencyStore:
    """The store that a URL names. Nothing connects before the first operation.

    Options in the query: `max_records`, `max_bytes` (memory); `cluster`, `prefix`, `connections` (Redis, Valkey);
    `table`, `connections` (PostgreSQL); `table` (SQLite); `tls`, `connections` (`outworx serve`). Others go to the
    client library.

    Args:
        url: `memory://`, `sqlite:///path`, `postgresql+psycopg://...`, `redis://...`, `rediss://...`, `valkey://...`,
            `outworx://...`.
        budget: seconds that one operation may take, everything included; not for memory.

    Raises:
        ConfigurationError: a URL or option that cannot be used, or a client library that is not installed.
    """
    scheme = url.partition("://")[0].lower()
    opener = _OPENERS.get(scheme)
    if opener is None:
        raise ConfigurationError(_unknown(url, scheme))
    return opener(url, budget)


def _unknown(url: str, scheme: str) -> str:
    if "://" not in url:
        parse(url, frozenset())  # raises, without quoting what may be a password
    if scheme in _LEFT_OUT:
        return f"idempotency_store: {scheme}://: {_LEFT_OUT[scheme]}. Use {_KNOWN}"
    family = scheme.partition("+")[0]
    near = [family] if family in _OPENERS else difflib.get_close_matches(scheme, _OPENERS, n=1)
    suggestion = f"; did you mean {near[0]}://?" if near else "."
    return f"idempotency_store: {scheme[:20]}:// is not supported{suggestion} Use {_KNOWN}"


def _memory(url: str, _budget: float) -> IdempotencyStore:
    address = parse(url, frozenset({"max_records", "max_bytes"}))
    _nothing_left(address)
    return MemoryStore(_number(address, "max_records", MAX_RECORDS), _number(address, "max_bytes", MAX_BYTES))


def _redis(url: str, budget: float) -> IdempotencyStore:
    address = parse(url, frozenset({"cluster", "prefix", "connections"}))
    connections = _number(address, "connections", 8)
    backend = _load("redis", "RedisBackend", address, "redis")(
        address,
        budget=budget,
        connections=connections,
        cluster=_flag(address, "cluster"),
        prefix=address.options.get("prefix", "outworx"),
    )
    return GuardedStore(backend, budget=budget, workers=connections)


def _postgresql(url: str, budget: float) -> IdempotencyStore:
    address = parse(url, frozenset({"table", "connections"}))
    connections = _number(address, "connections", 8)
    table = address.options.get("table", "outworx_idempotency")
    backend = _load("postgresql", "PostgresqlBackend", address, "sql")(
        address, table=table, budget=budget, connections=connections
    )
    return GuardedStore(backend, budget=budget, workers=connections)


def _sqlite(url: str, budget: float) -> IdempotencyStore:
    address = parse(url, frozenset({"table"}))
    table = address.options.get("table", "outworx_idempotency")
    backend = _load("sqlite", "SqliteBackend", address, "sql")(address, table=table, budget=budget)
    # SQLite lets one connection write at a time: a second worker would only wait for the first.
    return GuardedStore(backend, budget=budget, workers=1)


def _outworx(url: str, budget: float) -> IdempotencyStore:
    address = parse(url, frozenset({"tls", "connections"}))
    connections = _number(address, "connections", 8)
    backend = _load("outworx", "OutworxBackend", address, "server")(
        address, budget=budget, connections=connections, tls=_flag(address, "tls")
    )
    return GuardedStore(backend, budget=budget, workers=connections)


def _load(module: str, name: str, address: Address, extra: str) -> Callable[..., Backend]:
    try:
        found: Any = importlib.import_module(f"outworx_otel.idempotency.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outworx_otel"):
            raise
        raise ConfigurationError(
            f"idempotency_store {address.shown} needs the package {error.name!r}, which is not installed: "
            f"pip install 'outworx-otel[{extra}]'"
        ) from error
    backend: Callable[..., Backend] = getattr(found, name)
    return backend


def _nothing_left(address: Address) -> None:
    if address.url.partition("?")[2] or address.shown.rstrip("/") != "memory:":
        raise ConfigurationError(
            "idempotency_store: memory:// takes max_records and max_bytes, and nothing else"
        )


def _number(address: Address, name: str, default: int) -> int:
    text = address.options.get(name, str(default))
    if not text.isdecimal() or int(text) < 1:
        raise ConfigurationError(
            f"idempotency_store {address.shown}: {name}={text!r} must be a whole number above 0"
        )
    return int(text)


def _flag(address: Address, name: str) -> bool:
    text = address.options.get(name, "false").lower()
    if text not in ("true", "false", "1", "0"):
        raise ConfigurationError(f"idempotency_store {address.shown}: {name}={text!r} must be true or false")
    return text in ("true", "1")


_OPENERS: Final[dict[str, Callable[[str, float], IdempotencyStore]]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgresql+psycopg": _postgresql,
    # What hosting platforms put into DATABASE_URL.
    "postgresql": _postgresql,
    "postgres": _postgresql,
    "redis": _redis,
    "rediss": _redis,
    "valkey": _redis,
    "valkeys": _redis,
    "outworx": _outworx,
    "outworxs": _outworx,
}
