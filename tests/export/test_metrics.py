"""The metric exporter: deltas of our scope, kept while the receiver is away."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from support.receiver import Receiver, Reply, free_port

from outworx_otel.export import OutworxMetricExporter
from outworx_otel.telemetry.semconv import METRIC_DELIVERIES, SCOPE

from .scene import QUICK

Receive = Callable[..., Receiver]
Metering = Callable[..., tuple[MeterProvider, PeriodicExportingMetricReader]]


@pytest.fixture
def metering() -> Iterator[Metering]:
    made: list[MeterProvider] = []

    def make(exporter: OutworxMetricExporter) -> tuple[MeterProvider, PeriodicExportingMetricReader]:
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=60_000)
        made.append(MeterProvider([reader], shutdown_on_exit=False))
        return made[-1], reader

    yield make
    for provider in made:
        provider.shutdown()


def sums(receiver: Receiver) -> list[int]:
    return [
        point.as_int
        for call in receiver.calls
        for metric in call.metrics()
        if metric.name == METRIC_DELIVERIES
        for point in metric.sum.data_points
    ]


def test_metrics_of_our_scope_go_out_as_deltas(receive: Receive, metering: Metering) -> None:
    receiver = receive()
    provider, _ = metering(OutworxMetricExporter("ohk_1", receiver.endpoint))
    counter = provider.get_meter(SCOPE).create_counter(METRIC_DELIVERIES)
    other = provider.get_meter("app").create_counter("app.requests")
    for amount in (3, 4):
        counter.add(amount)
        other.add(1)
        assert provider.force_flush()
    assert sums(receiver) == [3, 4]
    metrics = [metric for call in receiver.calls for metric in call.metrics()]
    assert {metric.name for metric in metrics} == {METRIC_DELIVERIES}
    assert metrics[0].sum.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
    assert {call.path for call in receiver.calls} == {"/v1/metrics"}
    assert receiver.calls[0].headers["authorization"] == "Bearer ohk_1"


def test_a_receiver_that_is_away_neither_blocks_the_reader_nor_loses_a_delta(
    receive: Receive, metering: Metering
) -> None:
    port = free_port()
    # A reader that is blocked would wait for each to be given up, and lose it: the receiver comes only afterwards.
    patient = dataclasses.replace(QUICK, keep=60.0)
    exporter = OutworxMetricExporter("ohk_1", f"http://127.0.0.1:{port}", retry_policy=patient)
    provider, reader = metering(exporter)
    counter = provider.get_meter(SCOPE).create_counter(METRIC_DELIVERIES)
    for amount in (1, 2, 3):
        counter.add(amount)
        reader.collect()
    receiver = receive(port=port)
    assert exporter.force_flush()
    assert sums(receiver) == [1, 2, 3]


def test_a_receiver_without_metrics_is_told_once_and_left_alone(
    receive: Receive, metering: Metering, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = receive(lambda call, index: Reply(404))
    provider, _ = metering(OutworxMetricExporter("ohk_1", receiver.endpoint))
    counter = provider.get_meter(SCOPE).create_counter(METRIC_DELIVERIES)
    for _ in range(3):
        counter.add(1)
        assert provider.force_flush()
    assert len(receiver.calls) == 1
    assert caplog.text.count("does not take metrics") == 1


def test_nothing_of_ours_to_report_makes_no_request(receive: Receive, metering: Metering) -> None:
    receiver = receive()
    provider, _ = metering(OutworxMetricExporter("ohk_1", receiver.endpoint))
    provider.get_meter("app").create_counter("app.requests").add(1)
    assert provider.force_flush()
    assert receiver.calls == []
