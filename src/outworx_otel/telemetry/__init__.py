"""A delivery as telemetry: one span and three metrics."""

from outworx_otel.telemetry._process import Process
from outworx_otel.telemetry._record import Record, span_identity
from outworx_otel.telemetry._spans import Telemetry

__all__ = ["Process", "Record", "Telemetry", "span_identity"]
