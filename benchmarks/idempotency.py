"""What an idempotency key adds to a delivery, beside peers: `python -m benchmarks.idempotency`."""

from __future__ import annotations

import asyncio
import importlib
import logging
import random
import secrets
import sys
import tempfile
import time
import warnings
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from operator import sub
from pathlib import Path
from statistics import median
from typing import Any, Final

import redis.asyncio
from fastapi import FastAPI

from benchmarks import once
from benchmarks.calls import ASGIApp, _Messages, _scope
from benchmarks.deliveries import HOOK_PATH, KIB, SECRET, Inbound, json_body
from benchmarks.fastapi_lane import build
from benchmarks.loopback import ingest
from benchmarks.providers import provide
from benchmarks.report import Verdict
from benchmarks.variants import Variant
from outworx_otel import TrackOptions
from outworx_otel.idempotency import IdempotencyStore, StoredAnswer, hashed_key, open_store
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime, replace
from outworx_otel.signatures import sign

ROUNDS: Final = 60
_HOW: Final = f"""\
Signed deliveries of 1 KB, each with a key of its own, to FastAPI applications that are called in-process; µs by the
wall clock, medians of {ROUNDS} rounds of the medians in each, lanes in random order. "added" is to the same lane
without a key, in the same round. Redis, PostgreSQL (which here waits for no disk at a commit) and what the published
outworx-hooks 1.5.0 asks are on loopback."""
BARE, OURS, HOOKS = "FastAPI alone", "ours without a key", "outworx-hooks without a key"
ROUND_TRIPS: Final = "SET NX and GET alone"

Delivery = Callable[[], Awaitable[Any]]


@dataclass(frozen=True)
class Lane:
    """One way to handle a delivery; `prepare` makes ready all but the timed part, for a key."""

    name: str
    prepare: Callable[[str], Delivery]
    without: str | None = None  # the lane that does the same and knows no key
    compared: str | None = None  # for a peer: the lane of ours
    count: int = 20
    begin: Callable[[], object] = lambda: None


def application() -> FastAPI:
    """Nothing traces it."""
    return build(Variant.BARE, 0).app  # type: ignore[attr-defined, no-any-return]  # of an ASGICaller


def delivering(app: ASGIApp) -> Callable[[str], Delivery]:
    """Prepares deliveries to an application; the key is the event's id, and a header for whom that serves."""
    template = json_body(KIB)

    def prepare(key: str) -> Delivery:
        body = template.replace(b"evt_1PgZ0y2eZvKYlo2C", key.encode())
        known = {"content-type": "application/json", "content-length": str(len(body)), "idempotency-key": key}
        headers = (known | sign("stripe", body, SECRET)).items()
        scope = _scope(Inbound("POST", HOOK_PATH, tuple(headers), body))
        messages = _Messages(body, asyncio.get_running_loop())

        async def deliver() -> None:
            await app(scope, messages.receive, messages.send)
            assert messages.status == 200

        return deliver

    return prepare


def blocking(work: Callable[[str], object]) -> Callable[[str], Delivery]:
    """Prepares calls that know nothing of event loops."""

    async def call(key: str) -> None:
        work(key)

    return lambda key: partial(call, key)


def ours(stores: dict[str, IdempotencyStore]) -> Iterator[Lane]:
    """The same application with and without a key, on each store, and each store by itself."""
    app = application()
    FastAPIInstrumentor.instrument_app(app)

    def lane(name: str, store: IdempotencyStore, key: bool | None, without: str | None) -> Lane:
        endpoint = Endpoint(TrackOptions("stripe", signature_secret=SECRET, idempotency_key=key), "code")
        runtime = Runtime({HOOK_PATH: endpoint}, store=store)
        return Lane(name, delivering(app), without, begin=lambda: replace(runtime))

    yield lane(OURS, stores["memory"], None, None)
    for name, store in stores.items():
        yield lane(f"ours, {name}", store, True, OURS)
        yield Lane(f"our store alone, {name}", blocking(partial(claim_and_commit, store)))


def claim_and_commit(store: IdempotencyStore, key: str) -> None:
    """What a delivery does with a store, through its blocking face."""
    name, token = hashed_key("scope", key), secrets.token_hex(16)
    store.claim(name, token, 30)
    store.complete(name, token, StoredAnswer(200, (), b'{"received":true}', name), 86_400)


def in_transactions(url: str) -> Iterator[Lane]:
    """An effect in PostgreSQL, and a key beside it in several ways."""
    for name, app, begin in once.ways(url):
        without = None if name == once.EFFECT_ALONE else once.EFFECT_ALONE
        compared = once.BY_HAND if name in (once.ONCE, once.STORED) else None
        yield Lane(name, delivering(app), without, compared, begin=begin)


def asgi_idempotency_header(url: str, _port: int) -> Iterator[Lane]:
    found = importlib.import_module("idempotency_header_middleware")
    there = found.backends.RedisBackend(redis.asyncio.from_url(url))
    for name, backend in (("memory", found.backends.MemoryBackend()), ("redis", there)):
        app = found.IdempotencyHeaderMiddleware(application(), backend)
        yield Lane(f"asgi-idempotency-header, {name}", delivering(app), BARE, f"ours, {name}")


class _Dictionary(dict[str, Any]):
    """As much of a Redis client as aws-lambda-powertools, which has no memory of its own, asks for."""

    def set(self, name: str, value: Any, nx: bool = False, **_expiry: Any) -> bool:
        return self.setdefault(name, value) is value if nx else not self.update({name: value})


def aws_lambda_powertools(url: str, _port: int) -> Iterator[Lane]:
    found = importlib.import_module("aws_lambda_powertools.utilities.idempotency")
    layers = importlib.import_module("aws_lambda_powertools.utilities.idempotency.persistence.cache")
    config = found.IdempotencyConfig(event_key_jmespath="id")
    only_once = partial(found.idempotent_function, data_keyword_argument="event", config=config)
    for name, client in (("memory", _Dictionary()), ("redis", redis.from_url(url, decode_responses=True))):
        layer = layers.CachePersistenceLayer(client=client)
        handle = only_once(lambda event: {"received": True}, persistence_store=layer)
        work = blocking(lambda key, handle=handle: handle(event={"id": key}))
        yield Lane(f"aws-lambda-powertools, {name}", work, compared=f"our store alone, {name}")


def outworx_hooks(_url: str, port: int) -> Iterator[Lane]:
    hooks = importlib.import_module("outworx_hooks")
    middleware = importlib.import_module("outworx_hooks.integrations.fastapi").OutworxHooksMiddleware
    hooks.init(api_key="ohk_" + "0" * 32, endpoint=f"http://127.0.0.1:{port}/api/ingest")
    by_id = ("outworx-hooks, its service", lambda req, body, headers: body["id"], HOOKS, "ours, redis")
    for name, key, *others in ((HOOKS, None), by_id):
        app = application()
        options = hooks.TrackOptions(provider="stripe", signature_secret=SECRET, idempotency_key=key)
        app.add_middleware(middleware, options=options)
        yield Lane(name, delivering(app), *others, count=2)


def peers(url: str, port: int) -> Iterator[Lane]:
    """Those that are installed; the others are named."""
    for peer in (asgi_idempotency_header, aws_lambda_powertools, outworx_hooks):
        try:
            yield from peer(url, port)
        except ImportError as error:
            print(f"  {peer.__name__}: left out ({error})")


async def race(lanes: list[Lane]) -> dict[str, list[float]]:
    """Microseconds per delivery, by lane and round."""
    taken: dict[str, list[float]] = defaultdict(list)
    for number in range(-2, ROUNDS):
        for lane in random.sample(lanes, len(lanes)):
            lane.begin()
            spent = []
            for deliver in [lane.prepare(secrets.token_hex(10)) for _ in range(lane.count)]:
                begun = time.perf_counter()
                await deliver()
                spent.append((time.perf_counter() - begun) * 1e6)
            if number >= 0:
                taken[lane.name].append(median(spent))
    return taken


def show(lanes: list[Lane], taken: dict[str, list[float]]) -> dict[str, float]:
    """Prints the table; what each lane adds."""
    added = {}
    for lane in lanes:
        base = taken.get(lane.without or "", [0.0] * ROUNDS)
        added[lane.name] = median(map(sub, taken[lane.name], base))
    print(f"  {'':34} {'µs':>9} {'added':>9}")
    for lane in lanes:
        gain = "" if lane.without is None else f"{added[lane.name]:+9.1f}"
        ratio = f"{added[lane.name] / added[lane.compared]:8.1f} x {lane.compared}" if lane.compared else ""
        print(f"  {lane.name:34} {median(taken[lane.name]):9.1f} {gain:>9} {ratio}")
    return added


async def counted(lane: Lane, counter: Callable[[], int]) -> float:
    """How much a counter goes up for each delivery."""
    lane.begin()
    await lane.prepare("a-first-one-connects")()
    before = counter()
    for number in range(lane.count):
        await lane.prepare(f"counted-{number}")()
    return (counter() - before) / lane.count


async def measure(url: str, database: str, port: int, file: Path) -> list[Verdict]:
    """Runs everything, and judges what has a limit."""
    from idempotency.test_sqlite import commit_counter

    client = redis.from_url(url, protocol=2)
    urls = {"memory": "memory://", "redis": url, "sqlite": f"sqlite:///{file}"}
    stores = {name: open_store(url, budget=10) for name, url in urls.items()}
    bare = blocking(lambda key: (client.set(key, b"held", nx=True, px=30_000), client.get(key)))
    mine = {lane.name: lane for lane in ours(stores)}
    asked = await counted(mine["ours, redis"], lambda: client.info("all")["cmdstat_evalsha"]["calls"])
    committed = await counted(mine["ours, sqlite"], commit_counter(file))
    alone = (Lane(BARE, delivering(application())), Lane(ROUND_TRIPS, bare))
    lanes = [*alone, *mine.values(), *in_transactions(database), *peers(url, port)]
    added = show(lanes, await race(lanes))
    return [
        Verdict("memory: µs added", added["ours, memory"], 20.0),
        Verdict("Redis: round trips", asked, 2.0),
        Verdict("Redis: µs added beside SET NX and GET", added["ours, redis"] - added[ROUND_TRIPS], 100.0),
        Verdict("SQLite: commits", committed, 2.0),
    ]


def main() -> int:
    """How many limits were not kept."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support.databases import PostgresServer, RedisServer

    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    provide()
    print(_HOW)
    server, database = RedisServer(), PostgresServer()
    try:
        with tempfile.TemporaryDirectory() as folder, ingest() as port:
            urls = server.start().url, database.start().url
            verdicts = asyncio.run(measure(*urls, port, Path(folder) / "keys.db"))
    finally:
        server.remove()
        database.remove()
    for verdict in verdicts:
        print(f"  {verdict.what}: {verdict}")
    return sum(not verdict.reached for verdict in verdicts)


if __name__ == "__main__":
    sys.exit(main())
