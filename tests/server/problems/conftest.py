"""Stores, as the store's own tests have them."""

from __future__ import annotations

from server.store.conftest import (
    chdb_url,
    empty_url,
    open_store,
    postgres,
    postgresql_url,
    shared_database,
    shared_url,
    sqlite_store,
    sqlite_url,
    store,
    template_file,
    url,
)

__all__ = [
    "chdb_url",
    "empty_url",
    "open_store",
    "postgres",
    "postgresql_url",
    "shared_database",
    "shared_url",
    "sqlite_store",
    "sqlite_url",
    "store",
    "template_file",
    "url",
]
