"""The table comes as a Django migration, as SQLAlchemy's metadata and as SQL, and they are one table."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, inspect, text

from outworx_otel import ConfigurationError
from outworx_otel.idempotency import TransactionStore, once_table, open_store

from .databases import Place
from .shops import Acts, open_shop

PAGE = (Path(__file__).parents[3] / "docs" / "once.md").read_text(encoding="utf-8")

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


def test_the_pages_sql_makes_the_same(place_on: Callable[[str], Place]) -> None:
    place = place_on("postgresql")
    (sql,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    with place.engine.begin() as connection:
        connection.execute(text(sql.replace("outworx_once", "by_hand")))
    try:
        assert columns(place.url, "by_hand") == columns(place.url, place.keys)
    finally:
        with place.engine.begin() as connection:
            connection.execute(text("DROP TABLE by_hand"))


def test_what_was_done_before_the_move_stays_done(
    place_on: Callable[[str], Place], configure: Callable[..., None]
) -> None:
    """By the page's own recipe."""
    place = place_on("sqlite")
    moved: dict[str, Any] = {}
    (recipe,) = re.findall(r"   ```python\n(.*?)   ```", PAGE, re.DOTALL)
    exec(textwrap.dedent(recipe), moved)  # noqa: S102  # of our own page
    with place.engine.begin() as connection:
        connection.execute(once_table(MetaData(), place.keys).insert(), moved["rows_of"](["evt_1", "evt_0"]))
    acts = Acts()
    configure(place.store)
    answer = open_shop("flask-Session", place, acts).post()
    assert (answer.status, answer.body, acts.runs) == (200, b"", [])


def test_what_a_url_says() -> None:
    assert open_store("transaction://") == TransactionStore()
    assert open_store("transaction://?lock_timeout=0.5&table=shop.keys") == TransactionStore(
        None, 0.5, "shop.keys"
    )
    assert open_store("django://default?lock_timeout=5") == TransactionStore("default", 5.0)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("transaction://localhost/shop", "names no database"),
        ("django://", "a name in DATABASES"),
        ("transaction://?lock_timeout=0", "lock_timeout='0'"),
        ("transaction://?lock_timeout=many", "lock_timeout='many'"),
        ("transaction://?table=a;b", "no plain name"),
        ("transaction://?connections=3", "not connections"),
    ],
)
def test_a_url_that_is_no_use_says_why(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_store(url)
