"""What is known again after a restart, in SQLite and in PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.databases import PostgresServer

from outworx_otel.server.access.api_keys import ApiKeys, digest
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store, StoreUnavailable

EXPOSED = Settings(host="0.0.0.0")  # noqa: S104  # nothing is bound


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'outworx.db'}"
    else:
        url = request.getfixturevalue("postgres").url
    opened = Store(url, max_queued_bytes=1)
    yield opened
    opened.secrets.remove("api_key")
    opened.secrets.remove("x")
    opened.close()


def test_a_value_stays_until_it_is_replaced_or_removed(store: Store) -> None:
    assert store.secrets.get("x") is None
    assert store.secrets.get_or_put("x", b"\x00first") == b"\x00first"
    assert store.secrets.get_or_put("x", b"second") == b"\x00first"
    store.secrets.put("x", b"third")
    found = store.secrets.get("x")
    assert found is not None
    assert found[0] == b"third"
    store.secrets.remove("x")
    store.secrets.remove("x")
    assert store.secrets.get("x") is None
    store.secrets.put("x", b"fourth")
    assert store.secrets.get_or_put("x", b"") == b"fourth"


def test_of_many_that_start_at_once_one_makes_the_key(store: Store) -> None:
    together = threading.Barrier(8)
    made: list[ApiKeys] = []

    def begin() -> None:
        together.wait()
        made.append(ApiKeys(EXPOSED, store))

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    shown = [keys.made for keys in made if keys.made is not None]
    assert len(made) == 8
    assert len(shown) == 1
    assert all(keys.find(shown[0]) == digest(shown[0]) for keys in made)


def test_a_made_key_is_long_and_its_digest_alone_is_kept(store: Store) -> None:
    keys = ApiKeys(EXPOSED, store)
    assert keys.made is not None
    assert len(keys.made) == len("owx_") + 32
    kept = store.secrets.get("api_key")
    assert kept is not None
    assert kept[0] == digest(keys.made)
    assert keys.find(keys.made[:-1]) is None


def test_a_new_key_replaces_the_one_before(store: Store) -> None:
    before = ApiKeys(EXPOSED, store).made
    after = ApiKeys(Settings(host="0.0.0.0", new_key=True), store)  # noqa: S104
    assert before is not None
    assert after.made is not None
    assert after.find(before) is None
    assert ApiKeys(EXPOSED, store).find(after.made) is not None


def test_keys_that_were_given_leave_the_made_one_aside(store: Store) -> None:
    made = ApiKeys(EXPOSED, store).made
    given = ApiKeys(Settings(host="0.0.0.0", api_keys=("a-given-key",)), store)  # noqa: S104
    assert made is not None
    assert given.find("a-given-key") is not None
    assert given.find(made) is None


def test_a_database_that_is_gone_is_said(tmp_path: Path) -> None:
    opened = Store(f"sqlite:///{tmp_path / 'outworx.db'}", max_queued_bytes=1)
    try:
        with opened._database.writing.begin() as connection:
            connection.exec_driver_sql("DROP TABLE secrets")
        for call in (
            lambda: opened.secrets.get("x"),
            lambda: opened.secrets.get_or_put("x", b"the value"),
            lambda: opened.secrets.put("x", b"the value"),
            lambda: opened.secrets.remove("x"),
        ):
            with pytest.raises(StoreUnavailable) as caught:
                call()
            assert "the value" not in str(caught.value)
    finally:
        opened.close()
