"""From the body of an export to what is written of it: all that needs neither the store nor what came before."""

from __future__ import annotations

import msgspec
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.exceptions import HTTPException

from outworx_otel.server.ingest import otlp_format
from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.ingest.otlp_wire import TooManyValues
from outworx_otel.server.ingest.span_sorting import SortedSpans, TooManySpans, sort
from outworx_otel.server.ingest.waiting_spans import WaitingSpan
from outworx_otel.server.model import Batch
from outworx_otel.server.store import BatchRefused
from outworx_otel.server.store.packing import Packed, Packing, packed


class ExportBody(msgspec.Struct, array_like=True):
    """A request's body, decompressed.

    Args:
        format: see `otlp_format`.
        how: it is to be packed.
    """

    body: bytes
    format: str
    how: Packing


class Decoded(msgspec.Struct, array_like=True, tag=True):
    """What an export held.

    Args:
        packed: the deliveries, and how deferred work ended.
        others: spans that are kept where their trace has a delivery.
        traces: those of the deliveries.
        rejected: spans that cannot be kept, by the reason.
        accepted: how many spans were taken.
    """

    packed: Packed
    others: list[WaitingSpan]
    traces: list[bytes]
    rejected: dict[str, int]
    accepted: int


def decode(export: ExportBody) -> Decoded:
    """Decodes, sorts and packs.

    Raises:
        HTTPException: it is none, or holds too much, or what can never be kept.
    """
    found = sorted_spans(export.body, export.format)
    return Decoded(
        pack(found.batch, export.how), found.others, found.traces, dict(found.rejected), found.accepted
    )


def pack(batch: Batch, how: Packing) -> Packed:
    """Notes what is known at the arrival, and packs.

    Raises:
        HTTPException: it holds what can never be kept.
    """
    batch.deliveries = [noted(delivery, how.now_ns) for delivery in batch.deliveries]
    try:
        return packed(batch, how)
    except BatchRefused as error:
        raise HTTPException(400, str(error)) from error


def sorted_spans(body: bytes, format: str) -> SortedSpans:
    """Decodes and sorts; raises as `decode`."""
    try:
        return sort(otlp_format.encoded_traces(body, format))
    except DecodeError:
        raise otlp_format.undecodable(ExportTraceServiceRequest, format) from None
    except (TooManySpans, TooManyValues) as error:
        raise HTTPException(413, str(error)) from None
