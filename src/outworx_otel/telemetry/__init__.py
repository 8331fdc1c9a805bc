"""A delivery as telemetry: one span and three metrics."""

from outworx_otel.telemetry._deferral import Deferral
from outworx_otel.telemetry._exceptions import error_message
from outworx_otel.telemetry._mark import Mark, ProcessingStatus
from outworx_otel.telemetry._process import Process
from outworx_otel.telemetry._record import Record, span_identity
from outworx_otel.telemetry._result import outcome_of
from outworx_otel.telemetry._spans import Telemetry
from outworx_otel.telemetry.outcomes import Outcome

__all__ = [
    "Deferral",
    "Mark",
    "Outcome",
    "Process",
    "ProcessingStatus",
    "Record",
    "Telemetry",
    "error_message",
    "outcome_of",
    "span_identity",
]
