"""The server's database behind a real PgBouncer in transaction mode."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from support.databases import PgBouncer, PostgresServer

from outworx_otel.idempotency import Claimed
from outworx_otel.server.model import Filter
from server.store.conftest import OpenStore, fresh_database
from server.store.samples import DAY, NOW, batch, deliveries


def test_everything_is_kept_and_read_by_two_servers(
    postgres: PostgresServer, pgbouncer: PgBouncer, open_store: OpenStore
) -> None:
    name = fresh_database(postgres).rpartition("/")[2]
    stores = [open_store(f"{pgbouncer.url.rpartition('/')[0]}/{name}") for _ in range(2)]
    made = list(deliveries(240))

    def send(number: int) -> None:
        store = stores[number % 2]
        # One at a time, so that each is a transaction, and each statement is sent often enough to be prepared.
        for one in made[number * 10 : number * 10 + 10]:
            store.write(batch(one)).result(60)
        store.deliveries(Filter(), 10)
        store.overview(NOW - DAY, NOW + 1, Filter())
        store.healthy()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(send, range(24)))
    assert len(list(stores[0].iterate(Filter(), 5000))) == 240
    claims = [store.claims.claim("key", f"token {store is stores[0]}", 30) for store in stores * 10]
    assert [isinstance(claim, Claimed) for claim in claims[:2]] == [True, False]
    stores[0].secrets.put("a", b"b")
    assert stores[1].secrets.get("a") is not None
