"""A receiver of webhooks, and stores with alerts in them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.receiver import Receiver

from server.store.conftest import (
    open_store,
    postgres,
    postgresql_url,
    shared_database,
    sqlite_store,
    sqlite_url,
    template_file,
)

__all__ = [
    "open_store",
    "postgres",
    "postgresql_url",
    "shared_database",
    "sqlite_store",
    "sqlite_url",
    "template_file",
]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Takes everything, unless a test says otherwise."""
    running = Receiver().start()
    yield running
    running.stop()
