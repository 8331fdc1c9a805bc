"""Runs the server: opens its sockets, handles signals, and stops within seconds without losing data."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import errno
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import FrameType
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.access.connections import CROWD, HeadDeadlineProtocol
from outworx_otel.server.agents import Agents
from outworx_otel.server.app import Application, create_app
from outworx_otel.server.settings import Settings

_BACKLOG: Final = 2048
_FILES: Final = 16_384
# An answer under way gets this long; what is held open (live pages, polls) is ended at once.
_GRACE_SECONDS: Final = 2
# Longer than the default of most clients' pools, so that it is they who close.
_KEEP_ALIVE_SECONDS: Final = 75
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class PortInUse(ConfigurationError):
    """Another program has the port."""


def serve(
    settings: Settings,
    *,
    agents: Agents | None = None,
    verbose: bool = False,
    ready: Callable[[Application, Settings], None] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM, then ends within about two seconds, with everything acknowledged kept.

    Args:
        settings: everything that can be configured.
        agents: what serves coding agents at `/mcp`; None where nothing does.
        verbose: log every request.
        ready: called once connections are taken, with the application, and the settings with the ports that it has.

    Raises:
        ConfigurationError: an option that cannot be used: an address that is taken, a database's URL.
        StoreUnavailable: the database cannot be used.
    """
    with _opened(settings, agents) as (app, settings, sockets):
        _collect_less()
        asyncio.run(_serve(app, settings, sockets, verbose, ready))


@contextlib.contextmanager
def serving_beside(settings: Settings, agents: Agents | None = None) -> Iterator[Settings]:
    """Serves in a thread until the context ends, for a command that does something else meanwhile.

    Args:
        settings: everything that can be configured.
        agents: what serves coding agents at `/mcp`; None where nothing does.

    Yields:
        The settings with the ports that it has.

    Raises:
        ConfigurationError, StoreUnavailable: as `serve`.
    """
    with _opened(settings, agents) as (app, settings, sockets):
        started: Future[Callable[[], None]] = Future()

        def run() -> None:
            try:
                asyncio.run(_serve(app, settings, sockets, False, None, started))
            except BaseException as error:
                if not started.done():
                    started.set_exception(error)
                raise

        thread = threading.Thread(target=run, name="outworx-serve", daemon=True)
        thread.start()
        stop = started.result()
        try:
            yield settings
        finally:
            stop()
            thread.join()


@contextlib.contextmanager
def _opened(
    settings: Settings, agents: Agents | None
) -> Iterator[tuple[Application, Settings, list[socket.socket]]]:
    with contextlib.ExitStack() as stack:
        # First the sockets: a second server started by mistake must not touch the first one's database.
        own = stack.enter_context(contextlib.closing(_bound(settings.host, settings.port, "--port")))
        sockets = [own]
        if settings.relay_port is not None:
            relay = _bound(settings.host, settings.relay_port, "--relay-port")
            sockets.append(stack.enter_context(contextlib.closing(relay)))
        ports = [bound.getsockname()[1] for bound in sockets]
        relay_port = ports[1] if len(ports) > 1 else None
        settings = dataclasses.replace(settings, port=ports[0], relay_port=relay_port)
        _allow_many_connections()
        yield create_app(settings, agents), settings, sockets


async def _serve(
    app: Application,
    settings: Settings,
    sockets: list[socket.socket],
    verbose: bool,
    ready: Callable[[Application, Settings], None] | None,
    started: Future[Callable[[], None]] | None = None,
) -> None:
    """Serves until a signal or, where `started` is given, until what that is set to is called from another thread."""
    servers = [_Server(_config(app, settings, verbose, lifespan="on"))]
    if app.tunnels is not None:
        servers.append(_Server(_config(app.tunnels, settings, verbose, lifespan="off")))
    loop = asyncio.get_running_loop()

    def stop(signum: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(app.stop)
        for server in servers:
            server.handle_exit(signum, frame)

    with _signals(stop) if started is None else contextlib.nullcontext():
        running = [
            asyncio.ensure_future(server.serve(sockets=[bound]))
            for server, bound in zip(servers, sockets, strict=True)
        ]
        try:
            for server in servers:
                await server.is_started.wait()
            if ready is not None:
                ready(app, settings)
            if started is not None:
                started.set_result(lambda: stop(signal.SIGTERM, None))
            # The last one to end is the one with the database.
            await asyncio.gather(*running)
        finally:
            for server in servers:
                server.should_exit = True


class _Server(uvicorn.Server):
    """One of up to two servers of a process; signals stop both."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_started = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self.is_started.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.contextmanager
def _signals(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    before = {signum: signal.signal(signum, handler) for signum in _SIGNALS}
    try:
        yield
    finally:
        for signum, earlier in before.items():
            signal.signal(signum, earlier)


def _config(app: ASGIApp, settings: Settings, verbose: bool, lifespan: str) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        # h11 alone bounds the size of headers, and is strict about everything else that requests are smuggled by.
        http=HeadDeadlineProtocol,
        ws="none",
        lifespan="on" if lifespan == "on" else "off",
        log_config=None,
        log_level=logging.INFO if verbose else logging.WARNING,
        access_log=verbose,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_GRACE_SECONDS,
        h11_max_incomplete_event_size=settings.max_header_bytes,
    )


def _collect_less() -> None:
    """A batch is thousands of objects without cycles, and the collector looked through all modules for each.

    Only where the process is the server's alone.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def _allow_many_connections() -> None:
    """Each costs a file, and the usual limit is a fraction of what the system would allow this process."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    # The rest is for the database, and for those that the system has taken already while room is made.
    CROWD.most = (_FILES if soft == resource.RLIM_INFINITY else min(_FILES, soft)) * 3 // 4


def _bound(host: str, port: int, option: str) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise ConfigurationError(f"--host {host}: {error.strerror or error}") from error
    # `localhost` is both: programs that find nothing at ::1 go on to 127.0.0.1, but some never try ::1.
    family, kind, proto, _, address = min(found, key=lambda entry: entry[0] != socket.AF_INET)
    bound = socket.socket(family, kind, proto)
    try:
        if os.name == "posix":
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
        bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        kind_of_it = PortInUse if error.errno == errno.EADDRINUSE else ConfigurationError
        raise kind_of_it(_explained(error, host, port, option)) from error
    bound.setblocking(False)
    return bound


def _explained(error: OSError, host: str, port: int, option: str) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"port {port} of {host} is in use: another outworx serve, or an OpenTelemetry collector, which has the"
            f" same default? Stop it, or choose another with {option}"
        )
    if error.errno == errno.EACCES:
        return f"port {port} is not allowed to this user: choose one above 1023 with {option}"
    if error.errno == errno.EADDRNOTAVAIL:
        return (
            f"--host {host} is no address of this machine: 127.0.0.1 for itself, 0.0.0.0 for all that it has"
        )
    return f"{option} {port} of {host} cannot be bound: {error.strerror or error}"
