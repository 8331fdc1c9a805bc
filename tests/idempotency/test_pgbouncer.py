"""Behind a real PgBouncer in transaction mode, which gives each transaction another connection to the server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from support.databases import PgBouncer, PostgresServer

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import Claimed, Completed, StoredAnswer, open_store, postgresql_connection

from .scale import PATIENT, SCALE

EVENTS = 60 * SCALE


def through_several_clients(pgbouncer: PgBouncer) -> None:
    url = pgbouncer.url.replace("+psycopg", "")
    clients = [psycopg.connect(url, prepare_threshold=0, autocommit=True) for _ in range(3)]
    try:
        for client in clients:
            client.execute("SELECT 1")
    finally:
        for client in clients:
            client.close()


def test_named_prepared_statements_do_break_there(pgbouncer: PgBouncer) -> None:
    """Else the tests below would show nothing."""
    with pytest.raises(psycopg.Error, match="prepared statement"):
        through_several_clients(pgbouncer)


def test_each_of_many_events_that_come_twice_runs_once(pgbouncer: PgBouncer, answer: StoredAnswer) -> None:
    store = open_store(f"{pgbouncer.url}?table=pooled", budget=PATIENT)
    store.check()

    def deliver(number: int) -> bool:
        key, token = f"event {number // 2}", f"token {number}"
        claim = store.claim(key, token, 30)
        if not isinstance(claim, Claimed):
            return False
        assert store.renew(key, token, 30)
        assert store.complete(key, token, answer, 60)
        return True

    with ThreadPoolExecutor(8) as threads:
        ran = list(threads.map(deliver, range(2 * EVENTS)))
    assert sum(ran) == EVENTS
    assert store.claim("event 0", "late", 30) == Completed(answer)
    store.close()


def test_a_check_finds_what_a_pooler_breaks_only_under_load(
    pgbouncer: PgBouncer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A store that lets psycopg prepare, as it does by default."""
    monkeypatch.setitem(postgresql_connection.SETTINGS, "prepare_threshold", 5)
    store = open_store(f"{pgbouncer.url}?table=pooled", budget=PATIENT)
    with pytest.raises(StoreError, match="prepared statement"):
        store.check()
    store.close()


def test_options_that_the_pooler_does_not_take_are_said(pgbouncer: PgBouncer) -> None:
    store = open_store(f"{pgbouncer.url}?options=-c%20search_path%3Dpublic", budget=PATIENT)
    with pytest.raises(StoreError, match="unsupported startup parameter"):
        store.check()
    store.close()


def test_a_small_pool_that_others_have_taken_is_waited_for(
    postgres_server: PostgresServer, pgbouncer: PgBouncer
) -> None:
    url = pgbouncer.url.replace("+psycopg", "")
    store = open_store(f"{pgbouncer.url}?table=pooled", budget=PATIENT)
    store.check()
    with psycopg.connect(url) as first, psycopg.connect(url) as second:
        for busy in (first, second):
            busy.execute("SELECT 1")
        with ThreadPoolExecutor(1) as threads:
            claim = threads.submit(store.claim, "waits", "token", 30)
            assert not claim.done()
            first.rollback()
            assert claim.result() == Claimed("token")
    store.release("waits", "token")
    store.close()
