"""The parts, put together into one ASGI application."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool

from outworx_otel.server import api, ingest
from outworx_otel.server.live import Live
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store


def create_app(settings: Settings) -> Starlette:
    """The application of `outworx serve`; the database is opened here and closed when its lifespan ends."""
    store = Store(settings.database, max_queued_bytes=settings.max_queued_bytes)
    live = Live()

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        live.close()
        await run_in_threadpool(store.close)

    return Starlette(routes=[*ingest.routes(settings, store, live), *api.routes(store)], lifespan=lifespan)
