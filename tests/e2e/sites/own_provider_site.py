"""FastAPI that exports to a back-end of its own already, and adds our processor by hand."""

import os

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from outworx_otel import instrument
from outworx_otel.export import OutworxSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{os.environ['BACKEND']}/v1/traces")))
provider.add_span_processor(OutworxSpanProcessor("ohk_by_hand", os.environ["RECEIVER"]))
trace.set_tracer_provider(provider)
instrument()

from fastapi_site import app  # noqa: E402, F401
