"""Brings a database's tables up to what this release knows, one process at a time."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, inspect, text

from outworx_otel.server.store.database import Database
from outworx_otel.server.store.schema import HEAD, VERSION_TABLE
from outworx_otel.server.store.store_errors import StoreUnavailable

SCRIPTS: Final = Path(__file__).with_name("migrations")


def migrate(database: Database) -> None:
    """Makes or upgrades the tables where they are not as they should be.

    Raises:
        StoreUnavailable: they are of a newer release, or the database cannot hold what is sent.
    """
    with database.write() as connection:
        database.check(connection)
        version = _version(connection)
        if version == HEAD:
            return
        if version is not None and not any((SCRIPTS / "versions").glob(f"{version}_*.py")):
            raise StoreUnavailable(
                f"database {database.shown}: it is of a newer release of outworx-otel (schema {version[:20]!r}, this "
                f"one knows {HEAD!r}): upgrade, or give another --database"
            )
        _upgrade(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar_one_or_none()  # noqa: S608
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    # A tenth of a second that only the first start pays.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    # It would tell of each step on the server's log.
    logging.getLogger("alembic").setLevel(logging.WARNING)
    command.upgrade(config, "head")
