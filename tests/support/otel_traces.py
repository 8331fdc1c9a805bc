"""The table of the collector's ClickHouse exporter, and its rows, as version 0.161 of it writes them.

Written after its documentation and its source (exporter/clickhouseexporter of opentelemetry-collector-contrib);
`test_the_exporters_own_table` of tests/server/collected holds the table against the exporter's own statements.
"""

from __future__ import annotations

import base64
import decimal
import json
import math
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

_MODULE = "github.com/open-telemetry/opentelemetry-collector-contrib/exporter/clickhouseexporter"
_VERSION = "v0.161.0"
_TEXTS = ("TraceId", "SpanId", "ParentSpanId", "TraceState")
_FEW = ("SpanName", "SpanKind", "ServiceName")
_PAIRS = "Map(LowCardinality(String), String)"
COLUMNS = {
    "Timestamp": "DateTime64(9)",
    **dict.fromkeys(_TEXTS, "String"),
    **dict.fromkeys(_FEW, "LowCardinality(String)"),
    "ResourceAttributes": _PAIRS,
    "ScopeName": "String",
    "ScopeVersion": "String",
    "SpanAttributes": _PAIRS,
    "Duration": "UInt64",
    "StatusCode": "LowCardinality(String)",
    "StatusMessage": "String",
    "Events.Timestamp": "Array(DateTime64(9))",
    "Events.Name": "Array(LowCardinality(String))",
    "Events.Attributes": f"Array({_PAIRS})",
    "Links.TraceId": "Array(String)",
    "Links.SpanId": "Array(String)",
    "Links.TraceState": "Array(String)",
    "Links.Attributes": f"Array({_PAIRS})",
}
_BLOOMS = {
    "trace_id": ("TraceId", 0.001),
    "res_attr_key": ("mapKeys(ResourceAttributes)", 0.01),
    "res_attr_value": ("mapValues(ResourceAttributes)", 0.01),
    "span_attr_key": ("mapKeys(SpanAttributes)", 0.01),
    "span_attr_value": ("mapValues(SpanAttributes)", 0.01),
}


class NoExporterModule(Exception):
    """Its source is not in Go's cache of modules."""

    def __init__(self) -> None:
        super().__init__(
            "the table of the collector's ClickHouse exporter is held against its own statements, and NOTHING"
            f" OF THAT WAS TESTED: go mod download {_MODULE}@{_VERSION}"
        )


def exporter_source() -> Path:
    """The folder of the exporter's source.

    Raises:
        NoExporterModule: it was never loaded, or there is no Go.
    """
    try:
        done = subprocess.run(["go", "env", "GOMODCACHE"], capture_output=True, text=True, check=True)  # noqa: S607
    except (OSError, subprocess.CalledProcessError):
        raise NoExporterModule from None
    folder = Path(done.stdout.strip()) / f"{_MODULE}@{_VERSION}"
    if not folder.is_dir():
        raise NoExporterModule
    return folder


def ddl(database: str = "otel", table: str = "otel_traces") -> list[str]:
    """What makes its tables: the spans, and when each trace begins and ends."""
    columns = [f"`{name}` {type_} CODEC({_codec(type_)})" for name, type_ in COLUMNS.items()]
    indexes = [
        f"INDEX idx_{name} {of} TYPE bloom_filter({wrong}) GRANULARITY 1"
        for name, (of, wrong) in _BLOOMS.items()
    ]
    indexes.append("INDEX idx_duration Duration TYPE minmax GRANULARITY 1")
    more = "SETTINGS index_granularity = 8192, ttl_only_drop_parts = 1"
    return [
        f"CREATE DATABASE IF NOT EXISTS {database} ENGINE = Atomic",
        f"CREATE TABLE {database}.{table} ({', '.join(columns + indexes)}) ENGINE = MergeTree"
        f" PARTITION BY toDate(Timestamp) ORDER BY (ServiceName, SpanName, toDateTime(Timestamp)) {more}",
        f"CREATE TABLE {database}.{table}_trace_id_ts (TraceId String CODEC(ZSTD(1)),"
        " Start DateTime CODEC(Delta, ZSTD(1)), End DateTime CODEC(Delta, ZSTD(1)),"
        " INDEX idx_trace_id TraceId TYPE bloom_filter(0.01) GRANULARITY 1) ENGINE = MergeTree"
        f" PARTITION BY toDate(Start) ORDER BY (TraceId, Start) {more}",
        f"CREATE MATERIALIZED VIEW {database}.{table}_trace_id_ts_mv TO {database}.{table}_trace_id_ts AS"  # noqa: S608  # names of tests
        f" SELECT TraceId, min(Timestamp) AS Start, max(Timestamp) AS End FROM {database}.{table}"
        " WHERE TraceId != '' GROUP BY TraceId",
    ]


def _codec(type_: str) -> str:
    return "Delta, ZSTD(1)" if type_ == "DateTime64(9)" else "ZSTD(1)"


def rows(request: ExportTraceServiceRequest) -> Iterator[list[Any]]:
    """A request's spans as rows, in the order of `COLUMNS`; times are nanoseconds."""
    for resource_spans in request.resource_spans:
        resource = _pairs(resource_spans.resource.attributes)
        for scope_spans in resource_spans.scope_spans:
            for span in scope_spans.spans:
                yield _row(span, resource, scope_spans.scope.name, scope_spans.scope.version)


def _row(span: Span, resource: dict[str, str], scope: str, version: str) -> list[Any]:
    return [
        span.start_time_unix_nano,
        *(id.hex() if any(id) else "" for id in (span.trace_id, span.span_id, span.parent_span_id)),
        span.trace_state,
        span.name,
        Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_").capitalize(),
        resource.get("service.name", ""),
        resource,
        scope,
        version,
        _pairs(span.attributes),
        (span.end_time_unix_nano - span.start_time_unix_nano) % 2**64,
        Status.StatusCode.Name(span.status.code).removeprefix("STATUS_CODE_").capitalize(),
        span.status.message,
        [event.time_unix_nano for event in span.events],
        [event.name for event in span.events],
        [_pairs(event.attributes) for event in span.events],
        [link.trace_id.hex() for link in span.links],
        [link.span_id.hex() for link in span.links],
        [link.trace_state for link in span.links],
        [_pairs(link.attributes) for link in span.links],
    ]


def _pairs(attributes: Iterable[KeyValue]) -> dict[str, str]:
    return {pair.key: as_text(pair.value) for pair in attributes}


def as_text(value: AnyValue) -> str:
    """What the collector's `AsString` makes of a value."""
    plain = _plain(value)
    match plain:
        case None:
            return ""
        case str():
            return plain
        case bool():
            return "true" if plain else "false"
        case float():
            return _float_text(plain)
        case list() | dict():
            return json.dumps(_listed(plain), separators=(",", ":"), ensure_ascii=False)
    return str(plain)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    match kind:
        case "array_value":
            return [_plain(one) for one in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _plain(pair.value) for pair in value.kvlist_value.values}
        case "bytes_value":
            return base64.b64encode(value.bytes_value).decode()
    return None if kind is None else getattr(value, kind)


def _float_text(value: float) -> str:
    """As JSON's encoder of Go: without an exponent from 1e-6 to 1e21."""
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if value == 0 or 1e-6 <= abs(value) < 1e21:
        text = format(decimal.Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return repr(value).replace("e-0", "e-")


def _listed(value: Any) -> Any:
    """What a list's JSON has for a value: a whole number without its fraction."""
    if isinstance(value, list):
        return [_listed(one) for one in value]
    if isinstance(value, dict):
        return {name: _listed(one) for name, one in value.items()}
    return int(value) if isinstance(value, float) and value.is_integer() and abs(value) < 1e21 else value
