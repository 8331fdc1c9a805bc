"""Traces and metrics have back-ends of their own: each is offered what it takes, and nothing is complained of."""

from __future__ import annotations

import httpx
import pytest
from e2e.conftest import Receive
from support.exports import PROTOBUF, counter
from support.receiver import Call, Reply, Script
from support.sender import NO_CERTIFICATES

from .conftest import StartCollector
from .daemon import until
from .files import COLLECTORS
from .sending import OF_OTHERS, arrived, delivery, send
from .test_masks import all_to


def takes_only(path: str) -> Script:
    def answer(call: Call, index: int) -> Reply:
        return Reply(200 if call.path == path else 404)

    return answer


@pytest.mark.parametrize("file", COLLECTORS)
def test_each_back_end_is_offered_its_own_signal(
    collect: StartCollector, receive: Receive, file: str
) -> None:
    traces, metrics = receive(takes_only("/v1/traces")), receive(takes_only("/v1/metrics"))
    outworx = receive()
    collector = collect(
        file,
        all_to(
            traces.endpoint, OUTWORX_HOOKS_ENDPOINT=outworx.endpoint, OTLP_METRICS_ENDPOINT=metrics.endpoint
        )
        | {"OUTWORX_SAMPLE_PERCENT": "100"},
    )
    send(collector.url, [delivery() for _ in range(10)], OF_OTHERS)
    for _ in range(3):
        counted = counter(5)
        counted.resource_metrics[0].scope_metrics[0].metrics[0].unit = "{delivery}"
        answer = httpx.post(
            f"{collector.url}/v1/metrics",
            content=counted.SerializeToString(),
            headers=PROTOBUF,
            verify=NO_CERTIFICATES,
        )
        assert answer.status_code == 200
    until(lambda: len(arrived(traces)) == 10)
    sums = until(lambda: [one for call in metrics.calls for one in call.metrics()])
    assert {call.path for call in traces.calls} == {"/v1/traces"}
    assert {call.path for call in metrics.calls} == {"/v1/metrics"}
    # Deltas have become sums: Prometheus takes no others.
    assert {one.sum.aggregation_temporality for one in sums if one.name == "outworx.webhook.deliveries"} == {
        2
    }
    until(
        lambda: (
            15
            in {
                point.as_int
                for call in list(metrics.calls)
                for one in call.metrics()
                for point in one.sum.data_points
            }
        )
    )
    assert collector.complaints() == []
