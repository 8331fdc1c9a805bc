"""Databases with the table of keys, and one of effects."""

# ruff: noqa: S608  # names of our own

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import sqlalchemy
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, create_engine, text

from outworx_otel.idempotency import once_table

_numbers = itertools.count()


@dataclass
class Place:
    """A database, as a test has it for itself.

    Args:
        url: of SQLAlchemy, with a sync driver.
        async_url: with an async one.
    """

    url: str
    async_url: str

    def __post_init__(self) -> None:
        number = next(_numbers)
        self.keys, self.ledger = f"keys_{number}", f"ledger_{number}"
        self.store = f"transaction://?table={self.keys}"
        self.engine: Engine = create_engine(self.url, poolclass=sqlalchemy.NullPool)
        metadata = MetaData()
        once_table(metadata, self.keys)
        Table(self.ledger, metadata, Column("id", Integer, primary_key=True), Column("event", String(64)))
        metadata.create_all(self.engine)
        self.effect = f"INSERT INTO {self.ledger} (event) VALUES (:event)"

    @property
    def plain_url(self) -> str:
        """What psycopg takes."""
        return self.url.replace("+psycopg", "")

    def effects(self, event: str = "evt_1") -> int:
        """How often an event took effect."""
        with self.engine.connect() as connection:
            counted = f"SELECT count(*) FROM {self.ledger} WHERE event = :event"
            return int(connection.execute(text(counted), {"event": event}).scalar_one())

    def rows(self) -> list[Any]:
        """The keys."""
        with self.engine.connect() as connection:
            return list(connection.execute(text(f"SELECT answer FROM {self.keys}")))
