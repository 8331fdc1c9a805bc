"""The parts, put together into one ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from outworx_otel.errors import ConfigurationError
from outworx_otel.server import api, channels, dashboard, description, ingest, relay
from outworx_otel.server.access import COOKIE, Access
from outworx_otel.server.access.connections import CROWD
from outworx_otel.server.access.error_answers import HANDLERS
from outworx_otel.server.agents import Agents, AgentsEndpoint
from outworx_otel.server.channels import AlertSender
from outworx_otel.server.collected import Follower, collected_table, open_collected, refused_calls
from outworx_otel.server.live import Live
from outworx_otel.server.metrics import Metrics
from outworx_otel.server.rules import Evaluator
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Erased, Store


class Application:
    """The application of `outworx serve`. The store is closed when its lifespan ends.

    Args:
        settings: everything that can be configured.
        agents: what serves coding agents at `/mcp`; None where nothing does.
        store: what keeps everything; None opens the database that the settings name.

    Attributes:
        access: says what keys there are.
        metrics: what `/metrics` tells.
        channels: the names of those that alerts are sent to.
        collected: the collector's table that is shown; None where deliveries come in here.
        serves_agents: whether coding agents are served at `/mcp`.
        routes: everything that is served here.
        tunnels: tunnelled requests' own application, for `relay_port`; None where they come in here.

    Raises:
        ConfigurationError: an address that is none of a database, or one whose driver is missing; a configuration
            file that cannot be used.
        StoreUnavailable: the database cannot be used.
    """

    def __init__(self, settings: Settings, agents: Agents | None = None, store: Store | None = None) -> None:
        self._agents = agents
        self.serves_agents = agents is not None
        self._agents_endpoint = AgentsEndpoint()
        self.metrics = metrics = Metrics()
        # Before the database: what is wrong here is said at once.
        wanted = channels.read_channels(settings.channels)
        self.channels = tuple(channel.name for channel in wanted)
        self.collected = table = collected_table(settings.database)
        if table is not None and self.channels:
            raise ConfigurationError(
                "[[channels]]: there are no alerts where --database names the collector's table (?table=)"
            )
        if store is None:
            store = _store(settings, table, metrics)
        self._store = store
        try:
            self.access = Access(settings, store)
        except BaseException:
            store.close()
            raise
        # The other rooms have no use for keys.
        settings = dataclasses.replace(settings, api_keys=())
        self._evaluator = Evaluator(store, settings.rules)
        self._live = live = Live()
        self._follower = Follower(store, live)
        self._room = room = ingest.WaitingSpans()
        self._decoders = decoders = ingest.Decoders()
        self._relay = tunnel = relay.Relay(settings.tunnel_url, cookie=COOKIE, own_port=settings.relay_port)
        self._replays = replays = dashboard.ReplayRuns(store)
        self._alerts = AlertSender(store.sendings, wanted, settings.own_url)
        self.tunnels: ASGIApp | None = None
        tunnels = relay.ingress_routes(tunnel)
        if settings.relay_port is not None:
            self.tunnels = Starlette(routes=tunnels)
            tunnels = []
        self.routes: list[BaseRoute] = [
            *(() if table is None else refused_calls(table)),
            *ingest.routes(settings, store, live, room, metrics, decoders),
            *relay.session_routes(tunnel),
            *tunnels,
            *api.routes(store, self.access, self._forget, metrics),
            *description.routes(),
            *self._agents_endpoint.routes,
            *dashboard.routes(settings, store, live, self.access, replays),
        ]
        handlers = dashboard.error_handlers(settings, self.access, HANDLERS)
        self._behind_checks = app = Starlette(
            routes=self.routes, exception_handlers=handlers, lifespan=self._lifespan
        )
        # `/deliveries/` is another path, and the table of policies knows only the paths that there are.
        app.router.redirect_slashes = False
        turned_away = dashboard.refusal_page(settings, self.access)
        self._app = metrics.counting(self.access.wrap(app, turned_away))
        metrics.deliveries(lambda: store.kept)
        metrics.watch(
            {
                "outworx_writer_queue_batches": ("Batches that wait to be written.", lambda: store.queued[0]),
                "outworx_writer_queue_bytes": (
                    "Decoded bytes that wait or are being written; ingest is answered 503 at its limit.",
                    lambda: store.queued[1],
                ),
                "outworx_database_size_bytes": ("Size of the database.", store.size),
                "outworx_connections": ("Connections that are open.", lambda: len(CROWD)),
                "outworx_live_pages": ("Pages that are kept up to date now.", lambda: live.listeners),
                "outworx_tunnels": ("Tunnels' sessions.", lambda: tunnel.tunnels),
                "outworx_tunnel_requests_held": (
                    "Tunnelled requests that wait for their answer.",
                    lambda: tunnel.held,
                ),
            }
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        await self._app(scope, receive, send)

    def stop(self) -> None:
        """Ends what is held open (live pages, tunnels' polls), so that nothing delays the end. On the event loop."""
        self._live.close()
        self._relay.close()
        self._alerts.stop()
        self._replays.stop()

    def _forget(self, erased: Erased) -> None:
        self._live.forget(erased.ids)
        self._replays.forget(erased.ids)
        self._room.forget([bytes.fromhex(trace) for trace in erased.traces])

    @contextlib.asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        looks = self._evaluator if self.collected is None else self._follower
        looking = asyncio.ensure_future(looks.run())
        self._alerts.start()
        try:
            async with self._agents_served():
                yield
        finally:
            self.stop()
            looking.cancel()
            await asyncio.wait([looking])
            await run_in_threadpool(self._alerts.close)
            await run_in_threadpool(self._replays.close)
            await run_in_threadpool(self._evaluator.close)
            await run_in_threadpool(self._decoders.close)
            await run_in_threadpool(self._store.close)

    @contextlib.asynccontextmanager
    async def _agents_served(self) -> AsyncIterator[None]:
        if self._agents is None:
            yield
            return
        async with self._agents.serving(self._behind_checks) as serving:
            self._agents_endpoint.serving = serving
            yield


def _store(settings: Settings, table: str | None, metrics: Metrics) -> Store:
    options: dict[str, Any] = {
        "max_queued_bytes": settings.max_queued_bytes,
        "retention_days": settings.retention_days,
        "max_bytes": settings.max_database_bytes,
        "took": metrics.commits.observe,
    }
    if table is not None:
        return open_collected(settings.database, settings.state, **options)
    return Store(settings.database, state=settings.state, **options)


def create_app(settings: Settings, agents: Agents | None = None, store: Store | None = None) -> Application:
    """The application of `outworx serve`; see `Application`."""
    return Application(settings, agents, store)
