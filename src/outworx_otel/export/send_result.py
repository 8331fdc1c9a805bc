"""What a receiver's answer means for the batch that was sent: its status, Retry-After and partial success."""

from __future__ import annotations

import dataclasses
import datetime
import email.utils
import enum
import importlib
import math
from typing import Any, Final

import msgspec

from outworx_otel.http.body import UNREADABLE

MAX_RETRY_AFTER: Final = 60.0
_MAX_DETAIL: Final = 200
_PASSING: Final = frozenset({408, 429})
_UNSUPPORTED: Final = frozenset({404, 405, 415})


class Verdict(enum.Enum):
    """What to do with the batch."""

    DELIVERED = "delivered"
    NOT_SENT = "not_sent"  # the receiver takes nothing of what it held
    PASSING = "passing"  # try again, with back-off
    KEY_REJECTED = "key_rejected"  # try again once a minute
    UNSUPPORTED = "unsupported"  # the receiver does not know this path, method or format
    SPLIT = "split"  # smaller batches may pass
    REFUSED = "refused"  # sending it again cannot help


@dataclasses.dataclass(frozen=True)
class SendResult:
    """The outcome of one attempt. `detail` is safe to log; `retry_after` is in seconds."""

    verdict: Verdict
    detail: str = ""
    retry_after: float | None = None
    rejected: int = 0


def verdict_of_status(status: int) -> Verdict:
    """Sorts an HTTP status by the rules of OTLP/HTTP (retry on 429 and 5xx), and retries on 408 too.

    A redirect is refused, not followed: the key would travel to a host that nobody configured.
    """
    if 200 <= status < 300:
        return Verdict.DELIVERED
    if status in _PASSING or status >= 500:
        return Verdict.PASSING
    if status in (401, 403):
        return Verdict.KEY_REJECTED
    if status in _UNSUPPORTED:
        return Verdict.UNSUPPORTED
    return Verdict.SPLIT if status == 413 else Verdict.REFUSED


def retry_after_seconds(value: str | None, now: datetime.datetime | None = None) -> float | None:
    """Read a Retry-After header (RFC 9110, 10.2.3: seconds or a date), bounded to one minute."""
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            until = email.utils.parsedate_to_datetime(value)
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=datetime.timezone.utc)
        seconds = (until - (now or datetime.datetime.now(datetime.timezone.utc))).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER)


def log_excerpt(text: str, *secrets: str | None) -> str:
    """Cuts a text from outside to one short line and takes our secrets out of it."""
    for secret in secrets:
        if secret:
            text = text.replace(secret, "[key]")
    line = "".join(c if c.isprintable() else " " for c in text[: 4 * _MAX_DETAIL])
    return " ".join(line.split())[:_MAX_DETAIL]


class _Partial(msgspec.Struct, rename="camel"):
    # OTLP/JSON writes 64-bit integers as strings; not every server does.
    rejected_spans: int | str = 0
    rejected_data_points: int | str = 0
    error_message: str = ""


class _PartialAnswer(msgspec.Struct, rename="camel"):
    partial_success: _Partial | None = None


def partial_success(body: bytes, content_type: str, signal: str) -> tuple[int, str]:
    """How many spans or data points a 2xx answer says were rejected, and why.

    Source: https://opentelemetry.io/docs/specs/otlp/#partial-success-1
    An answer that is no OTLP message means full success, as before the field existed.
    """
    if not body:
        return 0, ""
    try:
        if "json" in content_type:
            partial = msgspec.json.decode(body, type=_PartialAnswer).partial_success or _Partial()
            return int(partial.rejected_spans) + int(partial.rejected_data_points), partial.error_message
        if "protobuf" in content_type:
            message = _response_message(signal).FromString(body).partial_success
            count = message.rejected_spans if signal == "traces" else message.rejected_data_points
            return max(int(count), 0), str(message.error_message)
    except (*UNREADABLE, _decode_error()):
        return 0, ""
    return 0, ""


def status_message(body: bytes, content_type: str) -> str:
    """What a refusal in OTLP's protobuf says, a google.rpc.Status; empty where it is none."""
    if not body or "protobuf" not in content_type:
        return ""
    status = importlib.import_module("google.rpc.status_pb2").Status
    try:
        return str(status.FromString(body).message)
    except _decode_error():
        return ""


def _response_message(signal: str) -> Any:
    if signal == "traces":
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        return ExportTraceServiceResponse
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse

    return ExportMetricsServiceResponse


def _decode_error() -> type[Exception]:
    # By name: protobuf ships no types of its own, and a checker may or may not have them.
    error: type[Exception] = importlib.import_module("google.protobuf.message").DecodeError
    return error
