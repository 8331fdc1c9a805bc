"""What only a server does: it goes away and comes back, and several of ours share it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.databases import PostgresServer

from outworx_otel.server.model import Filter
from outworx_otel.server.store import QueryTooWide, Store, StoreUnavailable
from server.store.conftest import MIB, OpenStore, fresh_database
from server.store.samples import DAY, NOW, batch, deliveries, one


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    with PostgresServer() as server:
        yield server


def test_a_server_that_stops_is_said_and_all_is_well_once_it_is_back(
    own_server: PostgresServer, open_store: OpenStore
) -> None:
    store = open_store(own_server.url)
    store.write(batch(one(id="before"))).result(20)
    own_server.stop()
    with pytest.raises(StoreUnavailable, match="is the server running") as raised:
        store.write(batch(one(id="lost"))).result(30)
    assert "secret-word" not in str(raised.value)
    for ask in (store.healthy, lambda: store.deliveries(Filter(), 5)):
        with pytest.raises(StoreUnavailable):
            ask()
    own_server.start()
    store.write(batch(one(id="after"))).result(20)
    assert {one.id for one in store.deliveries(Filter(), 5).deliveries} == {"before", "after"}


def test_a_server_that_was_restarted_meanwhile_is_not_noticed(
    own_server: PostgresServer, open_store: OpenStore
) -> None:
    store = open_store(own_server.url)
    store.write(batch(one(id="before"))).result(20)
    own_server.stop()
    own_server.start()
    store.write(batch(one(id="after"))).result(20)
    assert len(store.deliveries(Filter(), 5).deliveries) == 2


def test_a_server_that_is_not_there_or_has_no_such_database_is_said(postgres: PostgresServer) -> None:
    with pytest.raises(StoreUnavailable, match="no such database or user: createdb") as raised:
        Store(postgres.url.rpartition("/")[0] + "/nowhere", max_queued_bytes=MIB)
    assert "secret-word" not in str(raised.value)
    with pytest.raises(StoreUnavailable, match="is the server running"):
        Store("postgresql+psycopg://me:secret-word@127.0.0.1:1/db", max_queued_bytes=MIB)


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres"])
def test_the_addresses_of_hosting_platforms_are_taken(
    postgres: PostgresServer, open_store: OpenStore, scheme: str
) -> None:
    open_store(scheme + "://" + fresh_database(postgres).partition("://")[2]).healthy()


def test_several_servers_share_a_database(postgres: PostgresServer, open_store: OpenStore) -> None:
    url = fresh_database(postgres)
    first, second = open_store(url, lock_seconds=30), open_store(url, lock_seconds=30)
    made = list(deliveries(1000))
    waiting = []
    for start in range(0, 1000, 50):
        # Each batch to both, as a load balancer does with one that is sent again.
        waiting += [store.write(batch(*made[start : start + 50])) for store in (first, second)]
    for future in waiting:
        future.result(30)
    assert len(list(second.iterate(Filter(), 5000))) == 1000
    assert first.overview(NOW - DAY, NOW + 1, Filter()).total == 1000


def test_a_statement_that_takes_too_long_is_ended(postgres: PostgresServer, open_store: OpenStore) -> None:
    store = open_store(fresh_database(postgres))
    with pytest.raises(QueryTooWide, match="narrow the time"), store._database.read(0.05) as connection:
        connection.exec_driver_sql("SELECT pg_sleep(30)")
    store.healthy()
