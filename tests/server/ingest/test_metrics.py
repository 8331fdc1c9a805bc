"""The counter of deliveries, from exporters of either temporality."""

from __future__ import annotations

import gzip
import time
from collections.abc import Sequence

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import NumberDataPoint
from support.exports import PROTOBUF, counter
from support.staged_store import StagedStore

from outworx_otel.server.ingest import otlp_metrics
from outworx_otel.server.ingest.otlp_metrics import MAX_BYTES, MAX_POINTS, DeliveryCounter
from outworx_otel.server.model import Count
from outworx_otel.server.store.packing import Packed
from outworx_otel.telemetry import semconv

from .serving import Serving

BEGAN = 1_800_000_000 * 10**9


@pytest.fixture
def counting() -> DeliveryCounter:
    return DeliveryCounter(now_ns=lambda: BEGAN)


def read(counting: DeliveryCounter, *readings: float, start_ns: int = BEGAN + 1) -> list[float]:
    found: list[Count] = []
    for value in readings:
        found += counting.read(counter(value, cumulative=True, start_ns=start_ns)).counts
    return [count.value for count in found]


def test_a_delta_is_a_count_with_what_tells_it_apart(counting: DeliveryCounter) -> None:
    request = counter(3, {semconv.SIGNATURE_REASON: "hmac_mismatch"}, time_ns=BEGAN)
    assert (
        counting.read(request).counts
        == counting.read(request).counts
        == [
            Count(
                time_ns=BEGAN,
                provider="stripe",
                outcome="accepted",
                value=3.0,
                service="shop",
                route="/hook",
                reason="hmac_mismatch",
            )
        ]
    )


def test_cumulative_readings_count_what_they_grew_by(counting: DeliveryCounter) -> None:
    assert read(counting, 5, 5, 8, 8.5) == [5, 3, 0.5]


def test_what_was_counted_before_this_server_began_is_taken_for_known(counting: DeliveryCounter) -> None:
    assert read(counting, 1000, 1002, start_ns=BEGAN - 1) == [2]


def test_an_application_that_began_anew_is_counted_from_nothing(counting: DeliveryCounter) -> None:
    assert read(counting, 10) == [10]
    assert read(counting, 4, start_ns=BEGAN + 2) == [4]
    assert read(counting, 3, start_ns=BEGAN + 2) == [3]


def test_series_are_told_apart_by_resource_and_attributes_in_any_order(counting: DeliveryCounter) -> None:
    one = counter(5, {"a": "1", "b": "2"}, cumulative=True, start_ns=BEGAN)
    same = counter(6, {"b": "2", "a": "1"}, cumulative=True, start_ns=BEGAN)
    other = counter(7, {"a": "1"}, cumulative=True, start_ns=BEGAN)
    elsewhere = counter(8, {"a": "1", "b": "2"}, cumulative=True, start_ns=BEGAN, service="till")
    values = [counting.read(request).counts[0].value for request in (one, same, other, elsewhere)]
    assert values == [5, 1, 7, 8]


def test_series_are_bounded(counting: DeliveryCounter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otlp_metrics, "MAX_SERIES", 3)
    for number in range(50):
        counting.read(counter(1, {"n": number}, cumulative=True, start_ns=BEGAN))
    assert len(counting._readings) == 3


def test_counts_that_could_not_be_written_come_again(counting: DeliveryCounter) -> None:
    read(counting, 5)
    lost = counting.read(counter(9, cumulative=True, start_ns=BEGAN + 1))
    counting.undo(lost)
    assert read(counting, 9) == [4]
    first = counting.read(counter(2, {"new": True}, cumulative=True, start_ns=BEGAN + 1))
    counting.undo(first)
    assert counting.read(counter(2, {"new": True}, cumulative=True, start_ns=BEGAN + 1)).counts[0].value == 2


@pytest.mark.parametrize("value", [-1, -0.5, float("nan"), float("inf"), 1e13])
def test_what_is_no_count_is_rejected(counting: DeliveryCounter, value: float) -> None:
    found = counting.read(counter(value))
    assert (found.counts, found.rejected.total()) == ([], 1)
    assert counting.read(counter(1, time_ns=2**63)).rejected.total() == 1


def test_other_metrics_are_accepted_and_dropped(counting: DeliveryCounter) -> None:
    found = counting.read(counter(1, name="http.server.request.duration"))
    assert (found.counts, found.rejected.total()) == ([], 0)


@pytest.mark.parametrize("points", [MAX_POINTS + 1, MAX_BYTES // 2])
def test_a_request_of_too_many_data_points_is_refused_whole(server: Serving, points: int) -> None:
    request = counter(1)
    (resource_metrics,) = request.resource_metrics
    (scope_metrics,) = resource_metrics.scope_metrics
    scope_metrics.metrics[0].sum.data_points.extend(NumberDataPoint() for _ in range(points))
    zipped = {**PROTOBUF, "content-encoding": "gzip"}
    answer = server.post("/v1/metrics", gzip.compress(request.SerializeToString()), zipped)
    assert answer.status_code == 413


def test_counts_are_stored(staged: Serving, store: StagedStore) -> None:
    for path in ("/v1/metrics", "/api/ingest/v1/metrics"):
        answer = staged.post(path, counter(2, time_ns=time.time_ns()).SerializeToString(), PROTOBUF)
        assert (answer.status_code, answer.content) == (200, b"")
    assert _values(store.batches) == [2, 2]


def _values(batches: Sequence[Packed]) -> list[float]:
    return [count.value for batch in batches for _, count in batch.counts]
