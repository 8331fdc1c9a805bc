"""Makes a database's tables, or brings them up to what this release knows; one process at a time."""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path
from typing import Final

from sqlalchemy import (
    Column,
    Connection,
    MetaData,
    PrimaryKeyConstraint,
    String,
    Table,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import ProgrammingError

from outworx_otel.server.store.database import Database
from outworx_otel.server.store.partitions import BEFORE_PARTS, PARTED, is_partitioned
from outworx_otel.server.store.schema import HEAD, VERSION_TABLE, metadata
from outworx_otel.server.store.store_errors import StoreUnavailable

_WITH_PARTS: Final = "0009"
_IS_PLAIN: Final = "SELECT relkind = 'r' FROM pg_class WHERE oid = to_regclass(%s)"
_IS_SURE: Final = (
    "SELECT 1 FROM pg_constraint WHERE conrelid = to_regclass(%s) AND conname = %s AND convalidated"
)
SCRIPTS: Final = Path(__file__).with_name("migrations")

# As Alembic makes it.
_versions: Final = Table(
    VERSION_TABLE,
    MetaData(),
    Column("version_num", String(32), nullable=False),
    PrimaryKeyConstraint("version_num", name=f"{VERSION_TABLE}_pkc"),
)


def migrate(database: Database) -> None:
    """Makes or upgrades the tables where they are not as they should be.

    Raises:
        StoreUnavailable: they are of a newer release, or the database cannot hold what is sent.
    """
    with database.write() as connection:
        database.check(connection)
        has_no_parts = _has_no_parts(connection)
        if not has_no_parts:
            _bring_up_to_date(database, connection)
    if has_no_parts:
        _make_sure_of_numbers(database)
        with database.write() as connection:
            _bring_up_to_date(database, connection)


def _bring_up_to_date(database: Database, connection: Connection) -> None:
    version = _version(connection)
    if version == HEAD:
        return
    if version is None:
        _make(connection)
        return
    if not any((SCRIPTS / "versions").glob(f"{version}_*.py")):
        raise StoreUnavailable(
            f"database {database.shown}: it is of a newer release of outworx-otel (schema {version[:20]!r}, this "
            f"one knows {HEAD!r}): upgrade, or give another --database"
        )
    _upgrade(connection)


def _has_no_parts(connection: Connection) -> bool:
    version = _version(connection)
    return is_partitioned(connection) and version is not None and version < _WITH_PARTS


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(select(_versions.c.version_num)).scalar_one_or_none()
    return None if found is None else str(found)


def _make(connection: Connection) -> None:
    """Makes the tables as they are now: where there is nothing, one step does for all migrations."""
    metadata.create_all(connection, checkfirst=False)
    _versions.create(connection)
    connection.execute(insert(_versions).values(version_num=HEAD))


def _upgrade(connection: Connection) -> None:
    # It takes long to import, and only an upgrade needs it.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    # It would tell of each step on the server's log.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, "head")


def _make_sure_of_numbers(database: Database) -> None:
    """Before tables become the first parts of new ones: shows PostgreSQL that their numbers are lower than others'.

    It reads the tables for that, while other servers go on; after it the change itself takes a moment.
    """
    for table in PARTED:
        name = f"{table}_before_numbers"
        with database.write() as connection:
            is_plain = connection.exec_driver_sql(_IS_PLAIN, (table,)).scalar()
            if not is_plain or connection.exec_driver_sql(_IS_SURE, (table, name)).first():
                continue
            connection.exec_driver_sql(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {name}")
            connection.exec_driver_sql(
                f"ALTER TABLE {table} ADD CONSTRAINT {name} CHECK (seq < {BEFORE_PARTS}) NOT VALID"
            )
        # Another server may have upgraded meanwhile.
        with contextlib.suppress(ProgrammingError), database.reading.begin() as connection:
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
            connection.exec_driver_sql(f"ALTER TABLE {table} VALIDATE CONSTRAINT {name}")
