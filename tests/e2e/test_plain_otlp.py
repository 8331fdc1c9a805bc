"""`init()` with neither key nor endpoint: telemetry goes where the standard OpenTelemetry variables say."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent import futures

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services

from .conftest import Receive

DELIVERY = """
import outworx_otel
from fastapi import FastAPI
from opentelemetry import trace
from starlette.testclient import TestClient

{before}
outworx_otel.init(endpoints={{"/hook": {{"provider": "github"}}}})
outworx_otel.instrument()
app = FastAPI()

@app.post("/hook")
async def hook():
    with trace.get_tracer("the application").start_as_current_span("its own work"):
        return {{}}

with TestClient(app) as client:
    assert client.post("/hook", json={{}}).status_code == 200
"""


def deliver(before: str = "", **variables: str) -> None:
    """One delivery to an application that runs in a process of its own, to its end."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
    }
    subprocess.run(  # noqa: S603  # our own script, our own Python
        [sys.executable, "-c", DELIVERY.format(before=before)],
        env={**environment, **variables},
        check=True,
        timeout=60,
    )


class _TraceService(services.TraceServiceServicer):  # type: ignore[misc]  # generated, without types
    def __init__(self) -> None:
        self.names: list[str] = []

    def Export(self, request: messages.ExportTraceServiceRequest, context: object) -> object:
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.names.extend(span.name for span in scope.spans)
        return messages.ExportTraceServiceResponse()


@pytest.fixture
def grpc_receiver() -> Iterator[tuple[str, list[str]]]:
    service = _TraceService()
    server = grpc.server(futures.ThreadPoolExecutor(2))
    services.add_TraceServiceServicer_to_server(service, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield f"http://127.0.0.1:{port}", service.names
    server.stop(None).wait()


def test_every_span_goes_to_the_standard_endpoint(receive: Receive) -> None:
    receiver = receive()
    deliver(OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf")
    names = set(receiver.span_names())
    assert {"webhook github", "its own work"} <= names


def test_the_standard_endpoint_may_speak_grpc(grpc_receiver: tuple[str, list[str]]) -> None:
    endpoint, names = grpc_receiver
    deliver(
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL="grpc",
        OTEL_METRICS_EXPORTER="none",
    )
    assert {"webhook github", "its own work"} <= set(names)


def test_an_application_with_a_provider_of_its_own_gets_no_second_exporter(receive: Receive) -> None:
    receiver = receive()
    before = """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
"""
    deliver(before, OTEL_EXPORTER_OTLP_ENDPOINT=receiver.endpoint)
    assert receiver.span_names().count("webhook github") == 1
