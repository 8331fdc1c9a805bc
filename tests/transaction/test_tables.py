"""The table comes as a Django migration, as SQLAlchemy's metadata and as SQL, and they are one table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, create_engine, inspect

from outworx_otel.idempotency import once_table

_MIGRATE = """
import django
from django.conf import settings
from django.core.management import call_command
settings.configure(INSTALLED_APPS=["outworx_otel.django"], DATABASES={"default": {
    "ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}})
django.setup()
call_command("migrate", verbosity=0)
call_command("makemigrations", check=True, dry_run=True, verbosity=0)
"""


def columns(url: str, table: str = "outworx_once") -> dict[str, tuple[str, bool]]:
    found = inspect(create_engine(url))
    assert found.get_pk_constraint(table)["constrained_columns"] == ["event_key"]
    assert [one["column_names"] for one in found.get_indexes(table)] == [["expires"]]
    return {
        one["name"]: (type(one["type"].as_generic()).__name__, one["nullable"])
        for one in found.get_columns(table)
    }


def test_djangos_migration_and_alembics_metadata_make_the_same(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _MIGRATE], check=True, cwd=tmp_path)  # noqa: S603  # our own
    metadata = MetaData()
    once_table(metadata)
    engine = create_engine(f"sqlite:///{tmp_path / 'other.db'}")
    metadata.create_all(engine)
    made: Any = columns(f"sqlite:///{tmp_path / 'shop.db'}")
    assert made.keys() == columns(str(engine.url)).keys() == {"event_key", "expires", "answer"}
    assert {name: nullable for name, (_, nullable) in made.items()} == {
        "event_key": False,
        "expires": False,
        "answer": True,
    }
