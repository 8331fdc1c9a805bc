"""`--database clickhouse://...?table=otel_traces`: a table that the collector writes, not a database of our own."""

from __future__ import annotations

from typing import Any

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.collected.store import CollectedStore
from outworx_otel.server.collected.table import SpanTable
from outworx_otel.server.store import DEFAULT_STATE, is_column_store
from outworx_otel.server.store.columns.address import address_of
from outworx_otel.server.store.columns.engine import Engine


def collected_table(url: str) -> str | None:
    """The name of the table that a URL asks for; None where it names a database of the server's own.

    Raises:
        ConfigurationError: it cannot be used.
    """
    return address_of(url).table if is_column_store(url) else None


def open_collected(url: str, state: str | None, **options: Any) -> CollectedStore:
    """Opens what `collected_table` has named.

    Args:
        state: the URL of the database beside it; None: `DEFAULT_STATE`.
        options: of `Store`.

    Raises:
        ConfigurationError: a URL that cannot be used, or a table that is not the exporter's.
        StoreUnavailable: one of the databases does not answer, or the table is not there.
    """
    address = address_of(url)
    state = state or DEFAULT_STATE
    if is_column_store(state):
        raise ConfigurationError(
            "--state: sessions need transactions; use sqlite:///PATH or postgresql+psycopg://..."
        )
    engine = Engine(address)
    try:
        return CollectedStore(SpanTable(engine.read, address.table or ""), engine.close, state, **options)
    except BaseException:
        engine.close()
        raise
