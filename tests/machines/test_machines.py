"""Two application hosts, two gateways, a Redis, two servers on one PostgreSQL: partitions, and each killed once.

Providers go on delivering until they have a 2xx, as they do; what they were told stands.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from support.databases import Server, until
from support.scale import scaled
from support.sender import SECRET, signed

from .network import Machine, Network
from .parts import KEY, SITES, SOURCE, Application, Gateway, Postgres, Redis, Serve

_BETWEEN: Final = scaled(200, 25)
"""Deliveries between two mishaps."""

IN_MEMORY: Final = 3.0
"""Seconds for which a span may wait in its process: a batch is gathered, then sent."""


@dataclass
class Deployment:
    """Everything that runs, and what the handlers noted."""

    applications: list[Application]
    gateways: list[Gateway]
    servers: list[Serve]
    redis: Redis
    postgres: Postgres
    desk: Machine
    witness: Path

    def runs(self) -> Counter[str]:
        """How often a handler ran, by event."""
        return Counter(line.split()[0] for line in self.witness.read_text().splitlines())


@pytest.fixture
def deployment(network: Network, start: Any, backends: Path, tmp_path: Path) -> Deployment:
    witness = tmp_path / "witness"
    witness.touch()
    redis = start(Redis(network.machine("redis")))
    postgres = start(Postgres(network.machine("database")))
    servers = [start(Serve(network.machine(f"server{n}"), postgres.url)) for n in (1, 2)]
    gateways = [
        start(Gateway(network.machine(f"gateway{n}"), backends / "otelcol", server.url))
        for n, server in enumerate(servers, 1)
    ]
    environ = {
        "PYTHONPATH": f"{SITES}:{SOURCE}",
        "SITE_KEY": KEY,
        "SITE_STORE": redis.url,
        "SITE_WITNESS": str(witness),
        "GITHUB_SECRET": SECRET,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    applications = [
        start(Application(network.machine(f"application{n}"), 8000, SITE_GATEWAY=gateway.url, **environ))
        for n, gateway in enumerate(gateways, 1)
    ]
    return Deployment(applications, gateways, servers, redis, postgres, network.machine("desk"), witness)


@dataclass(frozen=True)
class Acknowledged:
    """An event that was answered by 2xx: by which application, and when."""

    event: str
    by: Application
    at: float


@dataclass
class Provider:
    """Delivers events from its own machine: each to one application or the other until one says 2xx."""

    there: Deployment
    acknowledged: list[Acknowledged] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextlib.contextmanager
    def at_work(self) -> Iterator[None]:
        threads = [threading.Thread(target=self._send, daemon=True) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in threads:
                thread.join(120)

    def _send(self) -> None:
        self.there.desk.enter()
        while not self._over.is_set():
            number = next(self._numbers)
            event = f"event-{number}"
            for attempt in itertools.count():
                application = self.there.applications[(number + attempt) % 2]
                if self._deliver(application, event) in range(200, 300):
                    self.acknowledged.append(Acknowledged(event, application, time.monotonic()))
                    break
                time.sleep(0.2)

    def _deliver(self, application: Application, event: str) -> int:
        body = json.dumps({"id": event}).encode()
        connection = http.client.HTTPConnection(application.machine.address, application.port, timeout=10)
        try:
            connection.request("POST", "/webhooks/github", body, signed(body, {"x-github-delivery": event}))
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            # Its handler may have run, and the process died before it could say so: at least once.
            self.unsure.add(event)
            return 0
        finally:
            connection.close()

    def go_on(self, count: int = _BETWEEN) -> None:
        """Waits until so many more are acknowledged."""
        goal = len(self.acknowledged) + count
        until(lambda: len(self.acknowledged) >= goal, "deliveries are acknowledged", 120)


def kept(server: Serve) -> Counter[str]:
    """How many deliveries the server has of each event, replays and refusals aside."""

    def look() -> Counter[str]:
        found: Counter[str] = Counter()
        cursor = ""
        connection = http.client.HTTPConnection(server.machine.address, server.port, timeout=30)
        while True:
            path = f"/api/deliveries?outcome=accepted&limit=100{cursor and f'&cursor={cursor}'}"
            connection.request("GET", path, headers={"Authorization": f"Bearer {KEY}"})
            page = json.loads(connection.getresponse().read())
            found.update(one["event.id"] for one in page["deliveries"])
            if not page["next_cursor"]:
                return found
            cursor = page["next_cursor"]

    return server.machine.do(look)


def mishaps(there: Deployment) -> Iterator[tuple[str, Callable[[], object]]]:
    """What goes wrong, in this order; each is over when it returns."""

    def killed(part: Server) -> Callable[[], object]:
        def happen() -> None:
            part.stop(signal.SIGKILL)
            time.sleep(0.5)  # the outage itself
            part.start()

        return happen

    def cut_off(machine: Machine) -> Callable[[], object]:
        def happen() -> None:
            with machine.cut_off():
                time.sleep(3)  # the partition itself: longer than any time-out on the way of a delivery

        return happen

    yield "a server is cut off", cut_off(there.servers[0].machine)
    yield "Redis is cut off", cut_off(there.redis.machine)
    yield "a gateway is cut off", cut_off(there.gateways[1].machine)
    yield "an application is killed", killed(there.applications[0])
    yield "a gateway is killed", killed(there.gateways[0])
    yield "a server is killed", killed(there.servers[1])
    yield "Redis is killed", killed(there.redis)
    yield "PostgreSQL is killed", killed(there.postgres)


def test_nothing_acknowledged_is_lost_and_nothing_runs_twice(deployment: Deployment) -> None:
    provider = Provider(deployment)
    killed_at = 0.0
    with provider.at_work():
        provider.go_on()
        for what, happen in mishaps(deployment):
            if what == "an application is killed":
                killed_at = time.monotonic()
            happen()
            print(what, len(provider.acknowledged))
            provider.go_on()
    acknowledged = {one.event for one in provider.acknowledged}
    # It had answered, and dies with their spans in its memory: what `docs/scaling.md` says of kill -9.
    in_its_memory = {
        one.event
        for one in provider.acknowledged
        if one.by is deployment.applications[0] and -IN_MEMORY < one.at - killed_at < 1
    }
    runs = deployment.runs()
    assert acknowledged <= set(runs), "acknowledged, and never run"
    assert {event for event, count in runs.items() if count > 1} <= provider.unsure
    missing: set[str] = set()

    def all_arrived() -> bool:
        nonlocal missing
        missing = acknowledged - set(kept(deployment.servers[0]))
        return missing <= in_its_memory | provider.unsure

    until(all_arrived, f"the spans of what was acknowledged: {missing}", 90)
    assert kept(deployment.servers[0]) == kept(deployment.servers[1])
    assert max(kept(deployment.servers[0]).values()) == 1
