"""The addresses that take telemetry, and the calls of the published SDK."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from typing import Any, Final, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceResponse,
)
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.ingest import idempotency_calls, loose_json, otlp_format
from outworx_otel.server.ingest.batch_intake import BatchIntake
from outworx_otel.server.ingest.decoders import Decoders
from outworx_otel.server.ingest.decoding import Decoded, ExportBody, decode, pack
from outworx_otel.server.ingest.elsewhere import Elsewhere
from outworx_otel.server.ingest.json_batch import DecodedEvents, deliveries_of
from outworx_otel.server.ingest.otlp_metrics import MAX_BYTES, DeliveryCounter, ReadCounts, TooManyPoints
from outworx_otel.server.ingest.request_bodies import BodyReader
from outworx_otel.server.ingest.waiting_spans import WaitingSpan, WaitingSpans, records_of
from outworx_otel.server.live import Live
from outworx_otel.server.metrics import Metrics
from outworx_otel.server.model import Batch
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store
from outworx_otel.server.store.packing import Packed

Handler = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")

_PREFIXES: Final = ("", "/api/ingest")
# Decoding is Python at work: on the event loop where other requests do not feel it, else in a thread.
_INLINE_BYTES: Final = 32 * 1024
_WORKERS: Final = 2
_MAX_JSON_BYTES: Final = 8 * 1024 * 1024


def routes(
    settings: Settings, store: Store, live: Live, room: WaitingSpans, metrics: Metrics, decoders: Decoders
) -> list[BaseRoute]:
    """OTLP at `/v1/...` and `/api/ingest/v1/...`, the JSON batch, and the SDK's calls."""
    reader = BodyReader(settings.max_request_bytes, settings.max_decoded_bytes, settings.max_queued_bytes)
    ingest = _Ingest(reader, BatchIntake(store, live), store, room, metrics, decoders)
    found: list[BaseRoute] = []
    for prefix in _PREFIXES:
        found.append(Route(f"{prefix}/v1/traces", ingest.traces, methods=["POST"]))
        found.append(Route(f"{prefix}/v1/metrics", ingest.metrics, methods=["POST"]))
    found.append(Route("/api/ingest", ingest.events, methods=["POST"]))
    found.append(Route("/api/sdk/verify", _verify, methods=["POST"]))
    for name in idempotency_calls.CALLS:
        path = f"/api/sdk/idempotency/{name}"
        found.append(Route(path, _idempotency_call(name, reader, store), methods=["POST"]))
    return found


class _Ingest:
    def __init__(
        self,
        reader: BodyReader,
        intake: BatchIntake,
        store: Store,
        room: WaitingSpans,
        metrics: Metrics,
        decoders: Decoders,
    ) -> None:
        self._reader = reader
        self._intake = intake
        self._room = room
        self._metrics = metrics
        self._store = store
        self._decoders = decoders
        self._elsewhere = Elsewhere(store, self._room, intake)
        self._counter = DeliveryCounter()
        self._workers = CapacityLimiter(_WORKERS)

    async def traces(self, request: Request) -> Response:
        format = otlp_format.format_of(request.headers.get("content-type", ""))

        def work(body: bytes) -> tuple[Decoded, list[WaitingSpan], Future[None] | None]:
            self._store.make_sure_of_room(len(body))
            export = ExportBody(body, format, self._store.packing())
            found = decode(export) if len(body) <= _INLINE_BYTES else self._decoders.decode(export)
            taken = self._room.arrived(found.traces) if found.traces else []
            try:
                admitted = [span for span in found.others if self._room.admit(span)]
                if taken or admitted:
                    more = pack(Batch(spans=records_of([*taken, *admitted])), export.how)
                    found.packed.spans.extend(more.spans)
                    found.packed.ends.extend(more.ends)
                return found, taken, self._intake.submit(found.packed, len(body))
            except BaseException:
                self._room.put_back(taken)
                raise

        async with self._reader.body(request, _most(format)) as body:
            found, taken, written = await self._worked(work, body)
            try:
                await self._intake.kept(found.packed, written)
            except BaseException:
                self._room.put_back(taken)
                raise
        self._elsewhere.look()
        rejected = Counter(found.rejected)
        self._metrics.ingested("traces", found.accepted, rejected.total())
        answer = ExportTraceServiceResponse()
        if rejected:
            answer.partial_success.rejected_spans = rejected.total()
            answer.partial_success.error_message = _reasons(rejected)
        return otlp_format.answer(answer, format)

    async def metrics(self, request: Request) -> Response:
        format = otlp_format.format_of(request.headers.get("content-type", ""))

        def work(body: bytes) -> tuple[ReadCounts, Packed, Future[None] | None]:
            request = otlp_format.decode(body, format, ExportMetricsServiceRequest())
            try:
                found = self._counter.read(request)
            except TooManyPoints as error:
                raise HTTPException(413, str(error)) from None
            try:
                batch = self._intake.pack(Batch(counts=found.counts), len(body))
                return found, batch, self._intake.submit(batch, len(body))
            except BaseException:
                self._counter.undo(found)
                raise

        async with self._reader.body(request, MAX_BYTES) as body:
            found, batch, written = await self._worked(work, body)
            try:
                await self._intake.kept(batch, written)
            except BaseException:
                self._counter.undo(found)
                raise
        self._metrics.ingested("metrics", len(found.counts), found.rejected.total())
        answer = ExportMetricsServiceResponse()
        if found.rejected:
            answer.partial_success.rejected_data_points = found.rejected.total()
            answer.partial_success.error_message = _reasons(found.rejected)
        return otlp_format.answer(answer, format)

    async def events(self, request: Request) -> Response:
        def work(body: bytes) -> tuple[DecodedEvents, Packed, Future[None] | None]:
            try:
                found = deliveries_of(body)
            except loose_json.TooManyParts as error:
                raise HTTPException(413, str(error)) from None
            except ValueError as error:
                raise HTTPException(
                    400, f'the body must be {{"events": [...]}}: {str(error)[:300]}'
                ) from None
            batch = self._intake.pack(Batch(deliveries=found.deliveries), len(body))
            return found, batch, self._intake.submit(batch, len(body))

        async with self._reader.body(request) as body:
            found, batch, written = await self._worked(work, body)
            await self._intake.kept(batch, written)
        self._metrics.ingested("events", len(found.deliveries), len(found.unusable))
        answer: dict[str, Any] = {"success": not found.unusable, "accepted": len(found.deliveries)}
        if found.unusable:
            answer |= {"rejected": len(found.unusable), "errors": found.unusable[:100]}
        return _json(answer)

    async def _worked(self, work: Callable[[bytes], T], body: bytes) -> T:
        if len(body) <= _INLINE_BYTES:
            return work(body)
        return await to_thread.run_sync(work, body, limiter=self._workers)


def _most(format: str) -> int | None:
    """JSON weighs many times as much in memory as on the wire: it may not be larger when it is decompressed."""
    return _MAX_JSON_BYTES if format == otlp_format.JSON else None


async def _verify(request: Request) -> Response:
    """A key that is not taken never gets here."""
    return _json({"success": True, "valid": True})


def _idempotency_call(name: str, reader: BodyReader, store: Store) -> Handler:
    asked_type, call = idempotency_calls.CALLS[name]
    decoder = msgspec.json.Decoder(asked_type)

    async def handle(request: Request) -> Response:
        async with reader.body(request, idempotency_calls.MAX_REQUEST_BYTES) as body:
            try:
                asked = idempotency_calls.asked(body, decoder)
            except (ValueError, loose_json.TooManyParts) as error:
                raise HTTPException(400, f"the body cannot be used: {str(error)[:300]}") from None
            return _json(await run_in_threadpool(call, store.claims, asked))

    return handle


def _reasons(rejected: Counter[str]) -> str:
    return "; ".join(f"{count} rejected: {reason}" for reason, count in rejected.most_common())


def _json(document: Any) -> Response:
    return Response(msgspec.json.encode(document), media_type="application/json")
