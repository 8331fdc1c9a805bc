"""A delivery as telemetry: one span and three metrics."""

from outworx_otel.telemetry._deferral import Deferral
from outworx_otel.telemetry._mark import Mark, ProcessingStatus
from outworx_otel.telemetry._process import Process
from outworx_otel.telemetry._record import Record, span_identity
from outworx_otel.telemetry._spans import Telemetry

__all__ = ["Deferral", "Mark", "Process", "ProcessingStatus", "Record", "Telemetry", "span_identity"]
