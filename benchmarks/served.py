"""A variant as a server runs it, its telemetry sent: `BENCH_LANE`, `BENCH_VARIANT`, `BENCH_INGEST` say which."""

from __future__ import annotations

import os
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.lanes import LANES
from benchmarks.variants import Variant


def _application() -> Any:
    variant, port = Variant(os.environ["BENCH_VARIANT"]), int(os.environ["BENCH_INGEST"])
    endpoint = f"http://127.0.0.1:{port}"
    provider = TracerProvider()
    trace.set_tracer_provider(provider)
    metrics.set_meter_provider(MeterProvider())
    if variant is Variant.OURS:
        from outworx_otel import OutworxSpanProcessor

        provider.add_span_processor(OutworxSpanProcessor(endpoint=endpoint))
    elif variant in (Variant.FLOOR, Variant.OFFICIAL):
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")))
    return LANES[os.environ["BENCH_LANE"]].build(variant, port).app  # type: ignore[attr-defined]  # both have one


app = _application()
