"""`agent.yaml`: what it has acknowledged arrives, whatever is killed or away meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable

import httpx
import pytest
from e2e.conftest import Receive
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from support.receiver import Call, Receiver, Reply, free_port
from support.scale import rows, scaled

from .collector import Collector
from .conftest import StartCollector, StartOutworx
from .daemon import until
from .files import COLLECTORS
from .sending import OF_OTHERS, arrived, delivery, ids, post, post_by_grpc, send, traces

FEW = scaled(3_000, 600)
# Tried again sooner than in the file, so that no test waits half a minute.
SOON = {f"otlp_http/{name}": {"retry_on_failure": {"max_interval": "1s"}} for name in ("outworx", "backend")}


def away() -> dict[str, str]:
    """Where nobody listens yet, by the variables of agent.yaml."""
    return variables(*(f"http://127.0.0.1:{free_port()}" for _ in range(3)))


def variables(outworx: str, backend: str, metrics: str) -> dict[str, str]:
    return {
        "OUTWORX_HOOKS_ENDPOINT": outworx,
        "OUTWORX_HOOKS_API_KEY": "ohk_test_of_the_agent",
        "OTLP_BACKEND_ENDPOINT": backend,
        "OTLP_METRICS_ENDPOINT": metrics,
    }


def come_back(receive: Receive, environ: dict[str, str]) -> tuple[Receiver, Receiver]:
    """Outworx and the back-end, listening from now on."""
    names = ("OUTWORX_HOOKS_ENDPOINT", "OTLP_BACKEND_ENDPOINT")
    outworx, backend = (receive(port=int(environ[name].rpartition(":")[2])) for name in names)
    return outworx, backend


def arrive(receiver: Receiver, wanted: set[bytes]) -> None:
    def missing() -> str:
        return f"{len(wanted - ids(arrived(receiver)))} of {len(wanted)} acknowledged spans are lost"

    until(lambda: wanted <= ids(arrived(receiver)), missing)


def acknowledged_at_last(agent: Collector, left: list[Span]) -> bool:
    """Sends what was refused once more, and forgets what was taken."""
    taken = send(agent.url, left)
    left[:] = [one for one in left if one.span_id not in taken]
    return not left


@pytest.mark.parametrize("end", [Collector.kill, Collector.stop], ids=["kill -9", "SIGTERM"])
def test_ending_it_with_a_full_queue_loses_nothing(
    collect: StartCollector, receive: Receive, end: Callable[[Collector], object]
) -> None:
    environ = away()
    agent = collect("agent.yaml", environ, {"exporters": SOON})
    acknowledged = send(agent.url, [delivery() for _ in range(FEW)])
    assert len(acknowledged) == FEW
    end(agent)
    agent.start()
    more = send(agent.url, [delivery() for _ in range(100)])
    # While it sends, for those that are on their way are in the queue still.
    outworx, backend = come_back(receive, environ)
    until(lambda: arrived(outworx))
    end(agent)
    agent.start()
    for receiver in (outworx, backend):
        arrive(receiver, acknowledged | more)


@pytest.mark.parametrize("seconds", rows([3], [60]))
def test_a_receiver_that_is_away_for_a_while_gets_everything(
    collect: StartCollector, receive: Receive, seconds: int
) -> None:
    environ = away()
    agent = collect("agent.yaml", environ)
    acknowledged: set[bytes] = set()
    back_at = time.monotonic() + seconds
    while time.monotonic() < back_at:
        acknowledged |= send(agent.url, [delivery() for _ in range(50)])
    for receiver in come_back(receive, environ):
        arrive(receiver, acknowledged)


@pytest.mark.parametrize("status", rows([503], [429, 502, 504]))
def test_a_receiver_that_answers_with_a_passing_trouble_is_tried_again(
    collect: StartCollector, receive: Receive, status: int
) -> None:
    def at_first(call: Call, index: int) -> Reply:
        return Reply(status if index < 3 else 200)

    outworx, backend = receive(at_first), receive()
    agent = collect(
        "agent.yaml", variables(outworx.endpoint, backend.endpoint, backend.endpoint), {"exporters": SOON}
    )
    sent = send(agent.url, [delivery() for _ in range(100)])
    assert len(sent) == 100
    until(lambda: sent <= {one.span_id for call in outworx.calls[3:] for one in call.spans()})


def test_a_queue_at_its_bound_refuses_and_loses_nothing(collect: StartCollector, receive: Receive) -> None:
    environ = away()
    bound = {"sending_queue": {"queue_size": 200_000}}
    exporters = {name: soon | bound for name, soon in SOON.items()}
    agent = collect("agent.yaml", environ, {"exporters": exporters})
    spans = [delivery() for _ in range(2_000)]
    acknowledged = send(agent.url, spans)
    assert 100 < len(acknowledged) < 2_000
    assert post(agent.url, traces(spans[:20])) == 503, "the sender has to hear of it, and to try again"
    outworx, backend = come_back(receive, environ)
    for receiver in (outworx, backend):
        arrive(receiver, acknowledged)
    assert len(send(agent.url, spans[-20:])) == 20, "it takes more once there is room"


def test_what_comes_twice_because_one_queue_was_full_is_counted_once(
    collect: StartCollector, receive: Receive, outworx: StartOutworx
) -> None:
    server = outworx()
    backend = f"http://127.0.0.1:{free_port()}"
    full = {"exporters": SOON | {"otlp_http/backend": {"sending_queue": {"queue_size": 20_000}}}}
    agent = collect("agent.yaml", variables(server.url, backend, backend), full)
    spans = [delivery() for _ in range(200)]
    taken = send(agent.url, spans)
    refused = [one for one in spans if one.span_id not in taken]
    assert refused
    # The sender tries again, as exporters do, until the back-end is there.
    kept = receive(port=int(backend.rpartition(":")[2]))
    until(lambda: acknowledged_at_last(agent, refused))
    arrive(kept, ids(spans))

    def counted() -> int:
        answer = httpx.get(f"{server.url}/api/overview", params={"range": "24h"}, timeout=10).json()
        return sum(row["deliveries"] for row in answer["endpoints"])

    until(lambda: agent.queued("outworx") == 0)
    until(lambda: counted() >= len(spans))
    assert counted() == len(spans)


def test_outworx_gets_what_is_ours_and_the_back_end_everything(
    collect: StartCollector, receive: Receive
) -> None:
    outworx, backend = receive(), receive()
    agent = collect("agent.yaml", variables(outworx.endpoint, backend.endpoint, backend.endpoint))
    ours = send(agent.url, [delivery() for _ in range(20)])
    others = send(agent.url, [delivery() for _ in range(20)], OF_OTHERS)
    by_grpc = [delivery() for _ in range(20)]
    post_by_grpc(agent.grpc_port, traces(by_grpc))
    ours |= ids(by_grpc)
    arrive(backend, ours | others)
    arrive(outworx, ours)
    assert ids(arrived(outworx)) == ours
    assert {call.headers["authorization"] for call in outworx.calls} == {"Bearer ohk_test_of_the_agent"}
    assert not any("authorization" in call.headers for call in backend.calls)


def test_without_a_key_it_does_not_start(collect: StartCollector) -> None:
    agent = collect("agent.yaml", away() | {"OUTWORX_HOOKS_API_KEY": ""}, wait=False).run()
    assert agent.process.wait(60) != 0
    assert "no bearer token provided" in agent.log()


def test_a_second_one_on_the_same_folder_ends_with_the_word_timeout(collect: StartCollector) -> None:
    first = collect("agent.yaml", away())
    second = collect(
        "agent.yaml", away() | {"OUTWORX_COLLECTOR_STORAGE": str(first.storage)}, wait=False
    ).run()
    assert second.process.wait(60) != 0
    assert "timeout" in second.log()


@pytest.mark.parametrize("file", COLLECTORS)
def test_it_opens_its_own_ports_alone_and_names_nothing_by_an_alias(
    collect: StartCollector, file: str
) -> None:
    gateways = {f"OUTWORX_GATEWAY_{number}": f"http://127.0.0.1:{free_port()}" for number in (1, 2)}
    one = collect(file, away() | gateways)
    assert one.listening() == {
        ("127.0.0.1", port) for port in (one.http_port, one.grpc_port, one.metrics_port)
    }
    assert one.complaints() == []
    assert one.storage.is_dir()
