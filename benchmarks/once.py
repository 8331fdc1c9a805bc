"""What a key adds to a delivery whose effect is a row in PostgreSQL: in its transaction, by hand, and in a store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from fastapi import FastAPI, Request
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine

from benchmarks.deliveries import HOOK_PATH, SECRET
from outworx_otel import TrackOptions, current_track
from outworx_otel.idempotency import IdempotencyStore, TransactionStore, once_table, open_store
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime, replace

EFFECT_ALONE, ONCE, BY_HAND, STORED = (
    "an effect in PostgreSQL",
    "that, transaction://",
    "that, a key by hand",
    "that, ours, postgresql",
)
_EFFECT: Final = text("INSERT INTO ledger (event) VALUES (:event)")
_CLAIM: Final = text(
    "INSERT INTO outworx_once (event_key, expires) VALUES (:key, :expires) ON CONFLICT (event_key) DO NOTHING"
)
_ANSWER: Final = text("UPDATE outworx_once SET answer = :answer WHERE event_key = :key")


def application(engine: Any, work: Callable[[AsyncSession, str], Any]) -> FastAPI:
    """One route, whose work has a session and the event's id."""
    app = FastAPI()

    async def handle(request: Request) -> dict[str, bool]:
        event = (await request.json())["id"]
        async with AsyncSession(engine) as session:
            await work(session, event)
        return {"received": True}

    app.add_api_route(HOOK_PATH, handle, methods=["POST"])
    FastAPIInstrumentor.instrument_app(app)
    return app


async def alone(session: AsyncSession, event: str) -> None:
    """Nothing keeps it from happening twice."""
    await session.execute(_EFFECT, {"event": event})
    await session.commit()


async def once(session: AsyncSession, event: str) -> None:
    """As docs/once.md has it."""
    async with current_track().once(session):
        await session.execute(_EFFECT, {"event": event})


async def by_hand(session: AsyncSession, event: str) -> None:
    """The least that there can be: one transaction, and no delivery ever waits for another."""
    claimed: Any = await session.execute(_CLAIM, {"key": event, "expires": 2e9})
    assert claimed.rowcount == 1
    await session.execute(_EFFECT, {"event": event})
    await session.execute(_ANSWER, {"key": event, "answer": b'{"received":true}'})
    await session.commit()


def prepare(url: str) -> None:
    """Makes the tables."""
    engine = create_engine(url)
    metadata = MetaData()
    once_table(metadata)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE ledger (id serial PRIMARY KEY, event text)"))
    engine.dispose()


def ways(url: str) -> Iterator[tuple[str, FastAPI, Callable[[], object]]]:
    """Each way's name, its application, and what sets its keys up."""
    prepare(url)
    engine = create_async_engine(url)
    plain, kept, own = (application(engine, work) for work in (alone, once, by_hand))
    store = open_store(url, budget=10)
    yield EFFECT_ALONE, plain, _keys(None, store)
    yield ONCE, kept, _keys(True, TransactionStore())
    yield BY_HAND, own, _keys(None, store)
    yield STORED, plain, _keys(True, store)


def _keys(key: bool | None, store: IdempotencyStore | TransactionStore) -> Callable[[], object]:
    endpoint = Endpoint(TrackOptions("stripe", signature_secret=SECRET, idempotency_key=key), "code")
    runtime = Runtime({HOOK_PATH: endpoint}, store=store)
    return lambda: replace(runtime)
