"""How many bytecode instructions an idempotency key adds to a delivery, by store: counted by `instructions`.

All threads that were begun after the count's start are counted; those of a store are begun anew for it.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any, Final

from benchmarks import once
from benchmarks.deliveries import HOOK_PATH, SECRET
from benchmarks.idempotency import application, delivering
from outworx_otel import TrackOptions
from outworx_otel.idempotency import open_store
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime, replace

STORES: Final = ("memory", "redis", "postgresql", "transaction")
_WARM_UP: Final = 20
_COUNTED: Final = 15


def counts() -> dict[str, int]:
    """What each store's key adds to the same delivery without one; in a process of its own."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from support.databases import PostgresServer, RedisServer

    redis, database = RedisServer(), PostgresServer()
    loop = asyncio.new_event_loop()
    try:
        urls = {"memory": "memory://", "redis": redis.start().url, "postgresql": database.start().url}
        app = application()
        FastAPIInstrumentor.instrument_app(app)
        found = {}
        for name, url in urls.items():
            store = open_store(url, budget=30)
            without, with_key = (
                loop.run_until_complete(_count(delivering(app), _switching(store, key)))
                for key in (None, True)
            )
            found[name] = with_key - without
            store.close()
        ways = {name: (delivering(made), begin) for name, made, begin in once.ways(urls["postgresql"])}
        alone, kept = (
            loop.run_until_complete(_count(*ways[name])) for name in (once.EFFECT_ALONE, once.ONCE)
        )
        return {**found, "transaction": kept - alone}
    finally:
        loop.close()
        redis.remove()
        database.remove()


def _switching(store: Any, key: bool | None) -> Callable[[], object]:
    endpoint = Endpoint(TrackOptions("stripe", signature_secret=SECRET, idempotency_key=key), "code")
    runtime = Runtime({HOOK_PATH: endpoint}, store=store)
    return lambda: replace(runtime)


async def _count(prepare: Callable[[str], Any], begin: Callable[[], object]) -> int:
    begin()
    total = 0

    def opcode(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal total
        total += event == "opcode"
        return opcode

    def call(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return opcode

    # A store's threads begin with the first operation.
    threading.settrace(call)
    try:
        for number in range(_WARM_UP):
            await prepare(f"warm-up-{id(begin)}-{number}")()
            await asyncio.sleep(0.01)
    finally:
        threading.settrace(None)  # type: ignore[arg-type]  # how it is switched off
    each = []
    for number in range(_COUNTED):
        deliver = prepare(f"counted-{id(begin)}-{number}")
        total = 0
        sys.settrace(call)
        try:
            await deliver()
        finally:
            sys.settrace(None)
        each.append(total)
        await asyncio.sleep(0.01)
    return int(median(each))
