"""FastAPI instrumented in code by two, in the order that `LOAD_ORDER` says."""

import os

from fastapi_site import app
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor
from opentelemetry.sdk.trace.export import BatchSpanProcessor

import outworx_otel

STEPS = {
    "ours": outworx_otel.instrument,
    "official": lambda: FastAPIInstrumentor.instrument_app(app),
}

outworx_otel.init("ohk_in_code", os.environ["RECEIVER"])
trace.get_tracer_provider().add_span_processor(
    BatchSpanProcessor(OTLPSpanExporter(f"{os.environ['BACKEND']}/v1/traces"))
)
for step in os.environ["LOAD_ORDER"].split(","):
    STEPS[step]()
