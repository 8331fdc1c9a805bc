"""The addresses that take telemetry."""

from __future__ import annotations

import asyncio
import gzip

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.ingest.otlp import batch_of
from outworx_otel.server.live import Live
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store


def routes(settings: Settings, store: Store, live: Live) -> list[BaseRoute]:
    """OTLP at `/v1/...` and `/api/ingest/v1/...`, and the older SDK's calls."""

    async def traces(request: Request) -> Response:
        body = await request.body()
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        batch = batch_of(ExportTraceServiceRequest.FromString(body))
        batch.size = len(body)
        await asyncio.wrap_future(store.write(batch))
        live.publish(batch.deliveries)
        return Response(ExportTraceServiceResponse().SerializeToString(), media_type="application/x-protobuf")

    return [Route(path, traces, methods=["POST"]) for path in ("/v1/traces", "/api/ingest/v1/traces")]
