"""Two gateways behind a sharding agent: what is kept of a known mix is exactly what is promised."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from e2e.conftest import Receive
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status
from support.exports import both, span, traces
from support.receiver import Receiver
from support.scale import scaled

from outworx_otel.telemetry import semconv

from .collector import Collector
from .conftest import StartCollector
from .daemon import until
from .sending import OF_OTHERS, arrived, delivery, ids, post

DELIVERIES: Final = scaled(20_000, 2_000)
WAIT: Final = 2
ERROR: Final = Status(code=Status.STATUS_CODE_ERROR)


class Trace:
    """One delivery as a back-end should see it: its SERVER span, its own, and what the handler called."""

    def __init__(
        self, attributes: Mapping[str, Any] = {}, *, child_failed: bool = False, **fields: Any
    ) -> None:
        self.id = secrets.token_bytes(16)
        self.ours = [delivery(attributes, trace=self.id, **fields)]
        self.others = [
            span("POST /hooks", {}, trace=self.id, kind=2),
            span("SELECT", {}, trace=self.id, kind=3, **({"status": ERROR} if child_failed else {})),
        ]

    @property
    def spans(self) -> list[Span]:
        return [*self.ours, *self.others]

    def request(self) -> ExportTraceServiceRequest:
        return both(traces(self.others, OF_OTHERS), traces(self.ours))


OUTCOMES: Final = (
    *("refused", "rejected", "replayed", "in_flight", "failed", "silent_drop", "deferred", "unprotected"),
    *("unrouted", "redirected", "turned_away", "handshake", "error"),
)
# Everything that is kept whole, by its name.
KEPT: Final[dict[str, Callable[[], Trace]]] = {
    **{outcome: lambda outcome=outcome: Trace({semconv.OUTCOME: outcome}) for outcome in OUTCOMES},  # type: ignore[misc]  # mypy and defaults
    "signature found invalid": lambda: Trace({semconv.SIGNATURE_VALID: False}),
    "fail_open": lambda: Trace({semconv.IDEMPOTENCY_OUTCOME: "fail_open"}),
    "its span in error": lambda: Trace(error=True),
    "another span in error": lambda: Trace(child_failed=True),
    "slow": lambda: Trace(milliseconds=2_000),
}
BORING: Final[dict[str, Callable[[], Trace]]] = {
    "accepted": Trace,
    "verified": lambda: Trace({semconv.SIGNATURE_VALID: True, semconv.IDEMPOTENCY_OUTCOME: "executed"}),
    "nearly slow": lambda: Trace(milliseconds=1_999),
}


def mix(count: int) -> dict[str, list[Trace]]:
    """So many deliveries: one in ten is of a kind that is kept, as many of each."""
    each = max(count // 10 // len(KEPT), 1)
    made = {name: [make() for _ in range(each)] for name, make in KEPT.items()}
    rest = count - each * len(KEPT)
    for number, (name, make) in enumerate(BORING.items()):
        share = rest - 2 * (rest // 3) if number == 0 else rest // 3
        made[name] = [make() for _ in range(share)]
    return made


class Scene:
    """A sharding agent, two gateways, and three receivers behind those."""

    def __init__(self, collect: StartCollector, receive: Receive, **environ: str) -> None:
        self.outworx, self.backend, self.metrics = receive(), receive(), receive()
        behind = {
            "OUTWORX_HOOKS_ENDPOINT": self.outworx.endpoint,
            "OUTWORX_HOOKS_API_KEY": "any",
            "OTLP_BACKEND_ENDPOINT": self.backend.endpoint,
            "OTLP_METRICS_ENDPOINT": self.metrics.endpoint,
            "OUTWORX_DECISION_WAIT": f"{WAIT}s",
            **environ,
        }
        # Once a second, so that no test waits for it.
        soon = {"connectors": {"span_metrics": {"metrics_flush_interval": "1s"}}}
        self.gateways: list[Collector] = [collect("gateway.yaml", behind, soon) for _ in range(2)]
        self.agent: Collector = collect(
            "agent-sharding.yaml",
            {
                "OUTWORX_GATEWAY_1": self.gateways[0].url,
                "OUTWORX_GATEWAY_2": self.gateways[1].url,
                "OTLP_METRICS_ENDPOINT": self.metrics.endpoint,
            },
            {
                "exporters": {
                    f"otlp_http/gateway_{number}": {"retry_on_failure": {"max_interval": "1s"}}
                    for number in (1, 2)
                }
            },
        )

    def send(self, deliveries: list[Trace]) -> None:
        for first in range(0, len(deliveries), 50):
            request = both(*(one.request() for one in deliveries[first : first + 50]))
            assert post(self.agent.url, request) == 200

    def settle(self, count: int) -> None:
        """Until so many traces were decided about, and what was kept has arrived."""
        until(lambda: sum(map(decided, self.gateways)) == count)
        for gateway in self.gateways:
            until(lambda gateway=gateway: has_sent_everything(gateway))  # type: ignore[misc]  # mypy and defaults


def decided(gateway: Collector) -> float:
    """How many traces a gateway has decided about."""
    return gateway.metric("otelcol_processor_tail_sampling_global_count_traces_sampled")


def has_sent_everything(gateway: Collector) -> bool:
    """Whether what left its processors has left its exporters."""

    def kept(*filters: str) -> float:
        return sum(
            gateway.metric("otelcol_processor_outgoing_items", processor=f"filter/{one}") for one in filters
        )

    def sent(exporter: str) -> float:
        return gateway.metric("otelcol_exporter_sent_spans", exporter=f"otlp_http/{exporter}")

    return sent("outworx") == kept("outworx") and sent("backend") == kept(
        "no_failed_work", "only_failed_work"
    )


def kept_whole(receiver: Receiver, deliveries: list[Trace]) -> list[Trace]:
    """Those of which every span came, and none twice; of the others none may have come."""
    came = Counter(one.span_id for one in arrived(receiver))
    assert max(came.values(), default=0) <= 1, "a span came twice"
    whole = []
    for one in deliveries:
        found = [came[each.span_id] for each in one.spans]
        assert len(set(found)) == 1, f"a trace was torn: {found}"
        if found[0]:
            whole.append(one)
    return whole


def test_what_is_kept_of_a_known_mix(collect: StartCollector, receive: Receive) -> None:
    scene = Scene(collect, receive)
    made = mix(DELIVERIES)
    everything = [one for kind in made.values() for one in kind]
    scene.send(everything)
    scene.settle(len(everything))
    ours = {one.span_id for each in everything for one in each.ours}
    came = Counter(one.span_id for one in arrived(scene.outworx))
    assert came == Counter(ours), "every delivery to Outworx, once, and nothing else"
    boring = 0
    for name, deliveries in made.items():
        kept = kept_whole(scene.backend, deliveries)
        if name in KEPT:
            assert len(kept) == len(deliveries), name
        else:
            boring += len(kept)
    rest = sum(len(made[name]) for name in BORING)
    # Four standard deviations of a binomial distribution.
    assert abs(boring - rest / 10) < 4 * (rest * 0.1 * 0.9) ** 0.5
    shares = [len({one.trace_id for one in arrived(scene.outworx)} & half) for half in halves(everything)]
    assert min(shares) > 0.4 * len(everything)


def halves(everything: list[Trace]) -> tuple[set[bytes], set[bytes]]:
    even = {one.id for one in everything if one.id[-1] % 2 == 0}
    return even, {one.id for one in everything} - even


def test_two_gateways_decide_alike_and_by_the_percentage(collect: StartCollector, receive: Receive) -> None:
    scene = Scene(collect, receive, OUTWORX_SAMPLE_PERCENT="50", OUTWORX_SLOW="100")
    boring = [Trace() for _ in range(200)]
    slow = [Trace(milliseconds=100) for _ in range(20)]
    seen = []
    for number, gateway in enumerate(scene.gateways, 1):
        before = len(arrived(scene.backend))
        assert post(gateway.url, both(*(one.request() for one in (*boring, *slow)))) == 200
        scene.settle(number * len([*boring, *slow]))
        seen.append({one.trace_id for one in arrived(scene.backend)[before:]})
    assert seen[0] == seen[1]
    assert {one.id for one in slow} <= seen[0]
    assert 60 <= len(seen[0] & {one.id for one in boring}) <= 140


def test_work_that_fails_long_after_the_decision_arrives_once(
    collect: StartCollector, receive: Receive
) -> None:
    scene = Scene(collect, receive, OUTWORX_SAMPLE_PERCENT="0")
    dropped, kept = Trace(), Trace({semconv.OUTCOME: "deferred"})
    scene.send([dropped, kept])
    until(lambda: ids(kept.spans) <= ids(arrived(scene.backend)))
    scene.settle(2)

    def work(trace: Trace, status: str, failed: bool) -> Span:
        state = {"status": ERROR} if failed else {}
        said = {semconv.PROVIDER: "stripe", semconv.QUEUE_DELAY: 0.5, semconv.PROCESSING_STATUS: status}
        return span("process", said, trace=trace.id, kind=5, **state)

    late = [
        work(one, status, status != "completed")
        for one in (dropped, kept)
        for status in ("failed", "silent_drop", "completed")
    ]
    assert post(scene.agent.url, traces(late)) == 200
    until(lambda: ids(late) <= ids(arrived(scene.outworx)))
    scene.settle(2)
    # Of the kept trace everything; of the one that was not kept, what failed.
    wanted = ids([*kept.spans, *late[:2], *late[3:]])
    until(lambda: wanted <= ids(arrived(scene.backend)))
    assert Counter(one.span_id for one in arrived(scene.backend)) == Counter(wanted)


def test_killing_a_gateway_and_the_agent_loses_no_delivery_of_outworx(
    collect: StartCollector, receive: Receive
) -> None:
    scene = Scene(collect, receive)
    sent = [Trace() for _ in range(scaled(3_000, 300))]
    scene.send(sent[:100])
    scene.gateways[0].kill()
    scene.send(sent[100:200])
    scene.agent.kill()
    scene.agent.start()
    scene.send(sent[200:])
    scene.gateways[1].kill()
    for gateway in scene.gateways:
        gateway.start()
    wanted = {each.span_id for one in sent for each in one.ours}
    until(
        lambda: wanted <= ids(arrived(scene.outworx)),
        lambda: f"{len(wanted - ids(arrived(scene.outworx)))} of {len(wanted)} are lost",
    )


def test_span_metrics_are_made_before_sampling(collect: StartCollector, receive: Receive) -> None:
    scene = Scene(collect, receive, OUTWORX_SAMPLE_PERCENT="0")
    sent = [Trace() for _ in range(40)]
    scene.send(sent)

    def calls() -> float:
        metrics = [metric for call in list(scene.metrics.calls) for metric in call.metrics()]
        points = [
            point
            for metric in metrics
            if metric.name == "traces.span.metrics.calls"
            for point in metric.sum.data_points
        ]
        # Cumulative: of each series the last. Each gateway's has the gateway's own id.
        last = {
            str(point.attributes): point.as_int
            for point in points
            if "webhook stripe" in str(point.attributes)
        }
        return sum(last.values())

    until(lambda: calls() == 40, lambda: f"{calls()} calls were counted")
    assert arrived(scene.backend) == []


def test_beyond_its_memory_a_gateway_lets_senders_wait(collect: StartCollector, receive: Receive) -> None:
    outworx, backend = receive(), receive()
    environ = {
        "OUTWORX_HOOKS_ENDPOINT": outworx.endpoint,
        "OUTWORX_HOOKS_API_KEY": "any",
        "OTLP_BACKEND_ENDPOINT": backend.endpoint,
        "OTLP_METRICS_ENDPOINT": backend.endpoint,
        "OUTWORX_DECISION_WAIT": "1s",
        "OUTWORX_SAMPLE_PERCENT": "100",
    }
    gateway = collect("gateway.yaml", environ, {"processors": {"tail_sampling": {"num_traces": 50}}})
    sent = [Trace() for _ in range(300)]
    began = time.monotonic()
    for first in range(0, 300, 30):
        assert post(gateway.url, both(*(one.request() for one in sent[first : first + 30]))) == 200
    wanted = {each.span_id for one in sent for each in one.spans}
    until(lambda: wanted <= ids(arrived(backend)), lambda: f"{time.monotonic() - began:.0f} s")
