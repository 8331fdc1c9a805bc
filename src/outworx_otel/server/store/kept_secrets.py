"""Keeps secrets across restarts: the signing key, and the digest of a key that the server made."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Column, Connection, Float, LargeBinary, Table, Text, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from outworx_otel.server.store import schema
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.store_errors import StoreUnavailable

_table: Final = Table(
    "secrets",
    schema.metadata,
    Column("name", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
    # Unix seconds.
    Column("made_at", Float, nullable=False),
)


class KeptSecrets:
    """Small values by name. Every method blocks, and raises `StoreUnavailable` where the database does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, name: str) -> tuple[bytes, float] | None:
        """A value and when it was made (Unix seconds)."""
        query = select(_table.c.value, _table.c.made_at).where(_table.c.name == name)
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else (bytes(row.value), row.made_at)

    def get_or_put(self, name: str, value: bytes) -> bytes:
        """The value that is there, else `value`, which is there from now on; one of many processes wins."""
        # Looked for first: the writer may be removing what is old, and who only reads need not wait for that.
        found = self.get(name)
        if found is not None:
            return found[0]
        try:
            with self._writing() as connection:
                connection.execute(insert(_table).values(name=name, value=value, made_at=time.time()))
        except IntegrityError:
            found = self.get(name)
            return value if found is None else found[0]
        return value

    def put(self, name: str, value: bytes) -> None:
        """Keeps `value` instead of whatever is there."""
        now = time.time()
        with self._writing() as connection:
            changed = connection.execute(
                update(_table).where(_table.c.name == name).values(value=value, made_at=now)
            )
            if not changed.rowcount:
                connection.execute(insert(_table).values(name=name, value=value, made_at=now))

    def remove(self, name: str) -> None:
        """Forgets it; nothing happens where it is not there."""
        with self._writing() as connection:
            connection.execute(delete(_table).where(_table.c.name == name))

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._database.write() as connection:
                yield connection
        except IntegrityError:
            raise
        except SQLAlchemyError as error:
            raise StoreUnavailable(self._database.explain(error)) from error
