"""Two hundred retries of one event on one event loop, with a pool of five: others still find a connection."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from support.calls import PATH

import outworx_otel

from .databases import Place
from .shops import BODY, JSON

RETRIES, WAITING = 200, 4


def test_a_storm_on_an_event_loop_leaves_connections_for_others(
    place_on: Callable[[str], Place], configure: Callable[..., None]
) -> None:
    place = place_on("postgresql")
    configure(f"{place.store}&lock_timeout=60")
    statuses = asyncio.run(asyncio.wait_for(storm(place), 120))
    assert statuses == {200: 1 + WAITING, 409: RETRIES - 1 - WAITING}
    assert place.effects() == 1


async def storm(place: Place) -> Counter[int]:
    engine = create_async_engine(place.async_url, pool_size=5, max_overflow=0, pool_timeout=60)
    others_were_served = asyncio.Event()
    statuses: Counter[int] = Counter()
    app = FastAPI()

    @app.post(PATH)
    async def handle() -> dict[str, bool]:
        async with AsyncSession(engine) as session, outworx_otel.current_track().once(session):
            await session.execute(text(place.effect), {"event": "evt_1"})
            await others_were_served.wait()
        return {"done": True}

    @app.get("/orders")
    async def orders() -> Any:
        async with AsyncSession(engine) as session:
            return (await session.execute(text("SELECT 1"))).scalar_one()

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client:

        async def post() -> None:
            statuses[(await client.post(PATH, content=BODY, headers=JSON)).status_code] += 1
            if statuses[409] == RETRIES - 1 - WAITING and not others_were_served.is_set():
                # As many as the pool has left beside the one that runs.
                found = await asyncio.gather(*(client.get("/orders") for _ in range(4)))
                assert [one.status_code for one in found] == [200] * 4
                assert engine.pool.checkedout() == 1  # type: ignore[attr-defined]
                others_were_served.set()

        await asyncio.gather(*(post() for _ in range(RETRIES)))
    await engine.dispose()
    return statuses
