"""Fixtures: relays, clients by hand, callers, local servers, and `outworx forward` as a process."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from support.sender import NO_CERTIFICATES

from outworx_otel.server.relay import RelayLimits

from .processes import Forward, Listening, Process, echo_site, outworx_serve
from .serving import Serving
from .wire import Application, Callers, Client

Tunnel = tuple[Serving, Forward, Application]


@pytest.fixture
def started() -> Iterator[contextlib.ExitStack]:
    """Ends whatever a test has started, the last one first."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def serve(started: contextlib.ExitStack) -> Callable[..., Serving]:
    """Starts a relay in this process, with arguments of `RelayLimits`, and of `Relay` if they begin with `relay_`."""

    def start(**options: Any) -> Serving:
        more = {name[6:]: options.pop(name) for name in list(options) if name.startswith("relay_")}
        serving = Serving(RelayLimits(**options), **more).start()
        started.callback(serving.stop)
        return serving

    return start


@pytest.fixture
def connect(started: contextlib.ExitStack) -> Callable[..., Client]:
    """A client by hand."""

    def start(serving: Serving | str, key: str = "key-1", name: str | None = None) -> Client:
        client = Client(serving if isinstance(serving, str) else serving.url, key, name)
        started.callback(client.close)
        return client

    return start


@pytest.fixture(scope="module")
def _one_relay() -> Iterator[Serving]:
    serving = Serving(RelayLimits(poll_timeout=0.05, response_timeout=1)).start()
    yield serving
    serving.stop()


@pytest.fixture
def session(_one_relay: Serving, connect: Callable[..., Client]) -> Iterator[tuple[Serving, Client]]:
    """A relay, shared by the tests of a module, and a client with a session of its own."""
    client = connect(_one_relay, name="a")
    client.open()
    yield _one_relay, client
    client.end()


@pytest.fixture
def callers(started: contextlib.ExitStack) -> Callers:
    """Providers."""
    callers = Callers()
    started.callback(callers.close)
    return callers


@pytest.fixture
def application(started: contextlib.ExitStack) -> Callable[..., Application]:
    """A local server that answers these bytes."""

    def start(*answer: bytes) -> Application:
        application = Application(*answer)
        started.callback(application.stop)
        return application

    return start


@pytest.fixture(scope="module")
def _one_tunnel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnel]:
    with contextlib.ExitStack() as stack:
        serving = Serving(RelayLimits()).start()
        stack.callback(serving.stop)
        local = Application()
        stack.callback(local.stop)
        client = Forward([str(local.port)], tmp_path_factory.mktemp("tunnel"), serving.url, {})
        stack.callback(client.stop)
        client.start()
        yield serving, client.opened(), local


@pytest.fixture
def tunnel(_one_tunnel: Tunnel) -> Tunnel:
    """A relay, a client and a local server that has seen nothing yet; processes shared by the tests of a module."""
    _one_tunnel[2].reset()
    return _one_tunnel


@pytest.fixture
def run(started: contextlib.ExitStack, tmp_path: Path) -> Callable[..., Process]:
    """Starts a process."""

    def start(*command: str, **options: Any) -> Process:
        process = Process(command, tmp_path, **options)
        started.callback(process.stop)
        return process.start()

    return start


@pytest.fixture(scope="module")
def _lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Listening]]:
    """Processes that take their time to start are shared by the tests of a module."""
    directory = tmp_path_factory.mktemp("lasting")
    kept: dict[Any, Listening] = {}

    def get(kind: Callable[[Path], Listening]) -> Listening:
        if kind not in kept:
            kept[kind] = kind(directory)
        return kept[kind] if kept[kind].runs else kept[kind].start()

    yield get
    for process in kept.values():
        process.stop()


@pytest.fixture
def server(_lasting: Callable[..., Listening]) -> Listening:
    """`outworx serve`, running."""
    return _lasting(outworx_serve)


@pytest.fixture
def site(_lasting: Callable[..., Listening]) -> Listening:
    """The local application, which has seen nothing yet."""
    process = _lasting(echo_site)
    httpx.post(f"{process.url}/reset", verify=NO_CERTIFICATES).raise_for_status()
    return process


@pytest.fixture
def forward(started: contextlib.ExitStack, tmp_path: Path) -> Callable[..., Forward]:
    """Starts `outworx forward` and waits until it has a public URL."""

    def start(serving: Any, *arguments: object, opens: bool = True, **environ: str) -> Forward:
        endpoint = serving if isinstance(serving, str) else serving.url
        process = Forward([str(one) for one in arguments], tmp_path, endpoint, environ)
        started.callback(process.stop)
        process.start()
        return process.opened() if opens else process

    return start
