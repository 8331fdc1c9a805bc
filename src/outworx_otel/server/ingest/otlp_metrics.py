"""Turns the exported counter of deliveries into counts. Other metrics are accepted and dropped."""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, NumberDataPoint, Sum
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from outworx_otel.server.ingest.values import attributes_of, column, environment_of
from outworx_otel.server.model import Count
from outworx_otel.telemetry import semconv

MAX_SERIES: Final = 20_000
MAX_POINTS: Final = 50_000
MAX_BYTES: Final = 4 * 1024 * 1024
"""Of one request, decompressed: an empty data point has two bytes on the wire and 70 in memory."""
MAX_VALUE: Final = 1e12
_MAX_NS: Final = 2**63 - 1


class TooManyPoints(Exception):
    """More data points than one request may have."""


Series = bytes
"""A digest, so that long attributes from outside are not kept."""


class SeriesReading(NamedTuple):
    """The last value of a cumulative series."""

    start_ns: int
    value: float


class ReadCounts(NamedTuple):
    """The counts of one request.

    Args:
        counts: to be written.
        rejected: data points that cannot be kept, by the reason.
        moved: each cumulative series in it, from where to where.
    """

    counts: list[Count]
    rejected: Counter[str]
    moved: dict[Series, tuple[SeriesReading | None, SeriesReading]]


class DeliveryCounter:
    """Turns readings of `outworx.webhook.deliveries` into counts; called from any thread.

    A delta is a count by itself. A cumulative series counts what it grew by since its last reading; of its first
    reading all counts that began after this server did, and the rest is taken for known.

    Args:
        now_ns: Unix nanoseconds.
    """

    def __init__(self, now_ns: Callable[[], int] = time.time_ns) -> None:
        self._began_ns = now_ns()
        self._lock = threading.Lock()
        self._readings: OrderedDict[Series, SeriesReading] = OrderedDict()

    def read(self, request: ExportMetricsServiceRequest) -> ReadCounts:
        """The counts of an export request; unless they can be written, `undo` them.

        Raises:
            TooManyPoints: nothing was read.
        """
        found = ReadCounts([], Counter(), {})
        totals = list(_totals(request))
        if sum(len(total.data_points) for _, total in totals) > MAX_POINTS:
            raise TooManyPoints(f"a request may have {MAX_POINTS} data points: send smaller batches")
        for resource, total in totals:
            described = attributes_of(resource.attributes)
            service, environment = column(described.get("service.name")) or "", environment_of(described)
            identity = resource.SerializeToString(deterministic=True)
            for point in total.data_points:
                value = float(getattr(point, point.WhichOneof("value") or "as_int"))
                if not (math.isfinite(value) and 0 <= value <= MAX_VALUE):
                    found.rejected["a count must be a number from 0 to 1e12"] += 1
                    continue
                if not 0 < point.time_unix_nano <= _MAX_NS:
                    found.rejected["the time is missing or out of range"] += 1
                    continue
                if total.aggregation_temporality == AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE:
                    with self._lock:
                        value = self._growth(_series(identity, point), point, value, found)
                if value > 0:
                    found.counts.append(_count(point, value, service, environment))
        return found

    def undo(self, found: ReadCounts) -> None:
        """The counts were not written: the next readings of their series bring them again."""
        with self._lock:
            for series, (before, after) in found.moved.items():
                # A later request may have moved it on.
                if self._readings.get(series) is after:
                    if before is None:
                        del self._readings[series]
                    else:
                        self._readings[series] = before

    def _growth(self, series: Series, point: NumberDataPoint, value: float, found: ReadCounts) -> float:
        last = self._readings.get(series)
        reading = self._readings[series] = SeriesReading(point.start_time_unix_nano, value)
        found.moved[series] = (found.moved[series][0] if series in found.moved else last, reading)
        self._readings.move_to_end(series)
        if len(self._readings) > MAX_SERIES:
            self._readings.popitem(last=False)
        if last is not None and last.start_ns == point.start_time_unix_nano and value >= last.value:
            return value - last.value
        # A new start, or a total that went down without one: the application began anew.
        return value if last is not None or point.start_time_unix_nano >= self._began_ns else 0.0


def _totals(request: ExportMetricsServiceRequest) -> Iterator[tuple[Resource, Sum]]:
    for resource_metrics in request.resource_metrics:
        for scope_metrics in resource_metrics.scope_metrics:
            if scope_metrics.scope.name == semconv.SCOPE:
                for metric in scope_metrics.metrics:
                    if metric.name == semconv.METRIC_DELIVERIES and metric.HasField("sum"):
                        yield resource_metrics.resource, metric.sum


def _series(identity: bytes, point: NumberDataPoint) -> Series:
    # Attributes come in any order.
    named = sorted(pair.SerializeToString(deterministic=True) for pair in point.attributes)
    return hashlib.sha256(b"\0".join([identity, *named])).digest()


def _count(point: NumberDataPoint, value: float, service: str, environment: str | None) -> Count:
    attributes = attributes_of(point.attributes)
    return Count(
        time_ns=point.time_unix_nano,
        provider=column(attributes.get(semconv.PROVIDER)) or "unknown",
        outcome=column(attributes.get(semconv.OUTCOME)) or "unknown",
        value=value,
        service=service,
        environment=environment,
        route=column(attributes.get(semconv.HTTP_ROUTE)),
        reason=column(attributes.get(semconv.SIGNATURE_REASON)),
    )
