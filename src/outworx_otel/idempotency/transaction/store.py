"""`transaction://` and `django://`: what the URL says. The connection is the application's own."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.idempotency.store_address import StoreAddress, parse_store_url

TABLE: Final = "outworx_once"
LOCK_TIMEOUT: Final = 2.0
_LONGEST_LOCK_TIMEOUT: Final = 60.0
_NUMBER: Final = re.compile(r"\d{1,6}(\.\d{1,3})?")
_OPTIONS: Final = frozenset({"lock_timeout", "table"})


@dataclass(frozen=True)
class TransactionStore:
    """Says that keys are written by the application's own transactions; it keeps none itself.

    Args:
        alias: Django's name of the database whose transaction every view runs in; None where the handler says
            `track.once(session)`.
        lock_timeout: seconds that a delivery waits for another one of the same event.
        table: where the keys are.
    """

    instant: ClassVar[bool] = False

    alias: str | None = None
    lock_timeout: float = LOCK_TIMEOUT
    table: str = TABLE

    def __str__(self) -> str:
        return "transaction://" if self.alias is None else f"django://{self.alias}"


def open_transaction(url: str) -> TransactionStore:
    """What a URL of this mode means.

    Raises:
        ConfigurationError: it names a host, a database or an option that there is no use for.
    """
    address = parse_store_url(url, _OPTIONS)
    scheme, _, rest = url.partition("://")
    alias = rest.partition("?")[0].rstrip("/")
    unknown = address.url.partition("?")[2]
    if scheme.lower() == "transaction" and alias:
        raise ConfigurationError(
            "idempotency_store: transaction:// names no database, for the session that the handler gives to "
            'track.once() has one; write "transaction://"'
        )
    if scheme.lower() == "django" and not re.fullmatch(r"[\w-]+", alias):
        raise ConfigurationError(
            'idempotency_store: django:// is followed by a name in DATABASES, e.g. "django://default"'
        )
    if unknown:
        raise ConfigurationError(
            f"idempotency_store {scheme}://: its options are lock_timeout and table, not "
            f"{unknown.partition('=')[0][:20]}"
        )
    return TransactionStore(alias or None, _lock_timeout(address), _table(address))


def _lock_timeout(address: StoreAddress) -> float:
    said = address.options.get("lock_timeout", str(LOCK_TIMEOUT))
    if not _NUMBER.fullmatch(said) or not 0 < float(said) <= _LONGEST_LOCK_TIMEOUT:
        raise ConfigurationError(
            f"idempotency_store {address.shown}: lock_timeout={said[:20]!r} must be a number of seconds above 0, "
            f"{_LONGEST_LOCK_TIMEOUT:g} at most"
        )
    return float(said)


def _table(address: StoreAddress) -> str:
    said = address.options.get("table", TABLE)
    if not said.isascii() or not all(part.isidentifier() for part in said.split(".", 1)) or len(said) > 63:
        raise ConfigurationError(f"idempotency_store {address.shown}: table={said!r} is no plain name")
    return said
