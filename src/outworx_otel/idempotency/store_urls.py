"""Which store a URL means, and which objects are stores."""

from __future__ import annotations

import difflib
import importlib
import inspect
import re
from collections.abc import Callable
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.guarded_store import BUDGET, Backend, GuardedStore
from outworx_otel.idempotency.memory import MAX_BYTES, MAX_RECORDS, MemoryStore
from outworx_otel.idempotency.protocol import IdempotencyStore
from outworx_otel.idempotency.store_address import StoreAddress, as_flag, as_number, parse_store_url
from outworx_otel.idempotency.transaction.store import TransactionStore, open_transaction

StoreOpener = Callable[[str], IdempotencyStore]

_LEFT_OUT: Final = {
    "django-cache": "Django's cache has no compare-and-set, so a late run could overwrite another's answer",
    "sentinel": "Sentinel is not supported; use the address of the primary, or a Cluster",
    "redis+sentinel": "Sentinel is not supported; use the address of the primary, or a Cluster",
    "unix": "a Unix socket is not supported; use redis://127.0.0.1:6379",
}
_KNOWN: Final = (
    "memory://, sqlite:///path, postgresql+psycopg://..., redis://..., rediss://..., valkey://..., outworx://..., "
    "transaction:// or django://alias"
)
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_BLOCKING: Final = ("claim", "renew", "complete", "release", "check", "warm", "close")
_AWAITED: Final = ("aclaim", "arenew", "acomplete", "arelease")

_registered: Final[dict[str, StoreOpener]] = {}


def open_store(
    wanted: str | IdempotencyStore | TransactionStore, *, budget: float = BUDGET
) -> IdempotencyStore | TransactionStore:
    """The store that a URL names, or the store that was given. Nothing connects before the first operation.

    Options in the query: `max_records`, `max_bytes` (memory); `cluster`, `prefix`, `connections` (Redis, Valkey);
    `table`, `connections` (PostgreSQL); `table` (SQLite); `tls`, `connections` (`outworx serve`); `lock_timeout`,
    `table` (`transaction://`, `django://`, which keep no keys themselves). Others go to the
    client library, except those that the store must set itself.

    Args:
        wanted: `memory://`, `sqlite:///path`, `postgresql+psycopg://...`, `redis://...`, `rediss://...`,
            `valkey://...`, `outworx://...`, `transaction://`, `django://alias`, a URL whose scheme was registered,
            or a store.
        budget: seconds that one operation may take, everything included; not for memory, nor for stores and schemes
            of your own.

    Raises:
        ConfigurationError: a URL or option that cannot be used, a client library that is not installed, or an object
            that is no store.
    """
    if isinstance(wanted, TransactionStore):
        return wanted
    if not isinstance(wanted, str):
        return _checked(wanted, "idempotency_store")
    scheme = wanted.partition("://")[0].lower()
    if "://" in wanted and scheme in _registered:
        return _checked(_registered[scheme](wanted), f"what the opener of {scheme}:// gave")
    opener = _OPENERS.get(scheme) if "://" in wanted else None
    if opener is None:
        raise ConfigurationError(_unknown(wanted, scheme))
    return opener(wanted, budget)


def register_store(scheme: str, opener: StoreOpener) -> None:
    """Makes `scheme://...` a URL of a store, wherever a URL of a store can be given.

    Args:
        scheme: such as `"dynamodb"`; of two openers the later one counts.
        opener: takes the whole URL and gives a store; it should not connect yet. It raises ConfigurationError where
            the URL is no use, without quoting a password.

    Raises:
        ConfigurationError: no scheme, or that of a store of ours.
    """
    name = scheme.lower()
    if not _SCHEME.fullmatch(name):
        raise ConfigurationError(f"register_store: {scheme!r} is no scheme of a URL, such as 'dynamodb'")
    if name in _OPENERS:
        raise ConfigurationError(f"register_store: {name}:// is a store of outworx-otel; take another scheme")
    if not callable(opener):
        raise ConfigurationError(f"register_store: the opener of {name}:// must be a function of the URL")
    _registered[name] = opener


def _checked(store: Any, what: str) -> IdempotencyStore:
    name = store.__name__ if isinstance(store, type) else type(store).__name__
    if isinstance(store, type):
        raise ConfigurationError(f"{what} is the class {name}: give an instance, {name}(...)")
    lacking = [method for method in (*_BLOCKING, *_AWAITED) if not callable(getattr(store, method, None))]
    if not isinstance(getattr(store, "instant", None), bool):
        lacking.append("instant")
    if lacking:
        raise ConfigurationError(
            f"{what} is no store: {name} lacks {', '.join(lacking)}. Give a URL ({_KNOWN}), or an "
            "IdempotencyStore; GuardedStore(...) makes one of a Backend, which blocks and has four operations"
        )
    awaits = [method for method in _BLOCKING if inspect.iscoroutinefunction(getattr(store, method))]
    if awaits:
        raise ConfigurationError(
            f"{what}: {name}.{awaits[0]} must not be async; threads call it. The async one is a{awaits[0]}"
        )
    checked: IdempotencyStore = store
    return checked


def _unknown(url: str, scheme: str) -> str:
    if "://" not in url:
        parse_store_url(url, frozenset())  # raises, without quoting what may be a password
    if scheme in _LEFT_OUT:
        return f"idempotency_store: {scheme}://: {_LEFT_OUT[scheme]}. Use {_KNOWN}"
    family = scheme.partition("+")[0]
    near = (
        [family] if family in _OPENERS else difflib.get_close_matches(scheme, [*_OPENERS, *_registered], n=1)
    )
    suggestion = f"; did you mean {near[0]}://?" if near else "."
    return (
        f"idempotency_store: {scheme[:20]}:// is not supported{suggestion} Use {_KNOWN}, or register_store() for "
        "one of your own"
    )


def _memory(url: str, _budget: float) -> IdempotencyStore:
    address = parse_store_url(url, frozenset({"max_records", "max_bytes"}))
    if address.url.partition("?")[2] or address.shown.rstrip("/") != "memory:":
        raise ConfigurationError(
            "idempotency_store: memory:// takes max_records and max_bytes, and nothing else"
        )
    return MemoryStore(
        as_number(address, "max_records", MAX_RECORDS), as_number(address, "max_bytes", MAX_BYTES)
    )


def _redis(url: str, budget: float) -> IdempotencyStore:
    module = _load("redis", url, "redis")
    address = parse_store_url(url, module.TAKEN_OUT)
    connections = as_number(address, "connections", 8)
    backend: Backend = module.RedisBackend(
        address,
        budget=budget,
        connections=connections,
        cluster=as_flag(address, "cluster"),
        prefix=address.options.get("prefix", "outworx"),
    )
    return GuardedStore(backend, budget=budget, workers=connections)


def _postgresql(url: str, budget: float) -> IdempotencyStore:
    module = _load("postgresql", url, "sql")
    address = parse_store_url(url, module.OWN | module.FIXED)
    connections = as_number(address, "connections", 8)
    backend: Backend = module.PostgresqlBackend(
        address, table=_table(address), budget=budget, connections=connections
    )
    return GuardedStore(backend, budget=budget, workers=connections)


def _sqlite(url: str, budget: float) -> IdempotencyStore:
    address = parse_store_url(url, frozenset({"table"}))
    backend: Backend = _load("sqlite", url, "sql").SqliteBackend(
        address, table=_table(address), budget=budget
    )
    # SQLite lets one connection write at a time: a second worker would only wait for the first.
    return GuardedStore(backend, budget=budget, workers=1)


def _outworx(url: str, budget: float) -> IdempotencyStore:
    address = parse_store_url(url, frozenset({"tls", "connections"}))
    connections = as_number(address, "connections", 8)
    backend: Backend = _load("outworx", url, "server").OutworxBackend(
        address, budget=budget, connections=connections, tls=as_flag(address, "tls")
    )
    return GuardedStore(backend, budget=budget, workers=connections)


def _load(module: str, url: str, extra: str) -> Any:
    try:
        return importlib.import_module(f"outworx_otel.idempotency.{module}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outworx_otel"):
            raise
        raise ConfigurationError(
            f"idempotency_store {parse_store_url(url, frozenset()).shown} needs the package {error.name!r}, which is "
            f"not installed: pip install 'outworx-otel[{extra}]'"
        ) from error


def _table(address: StoreAddress) -> str:
    return address.options.get("table", "outworx_idempotency")


_OPENERS: Final[dict[str, Callable[[str, float], IdempotencyStore | TransactionStore]]] = {
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
    "transaction": lambda url, _budget: open_transaction(url),
    "django": lambda url, _budget: open_transaction(url),
}
