"""OpenTelemetry instrumentation for webhooks: one span per delivery, on FastAPI, Flask and Django."""

from outworx_otel.bootstrap import init
from outworx_otel.delivery import resume
from outworx_otel.errors import (
    ConfigurationError,
    ExportError,
    InstrumentationError,
    KeyFunctionError,
    OutworxError,
    StoreError,
    TokenError,
    VerifierError,
)
from outworx_otel.integrations import instrument, uninstrument
from outworx_otel.marking import webhook
from outworx_otel.options import TrackOptions
from outworx_otel.track import ProcessingStatus, TrackContext, current_track
from outworx_otel.version import __version__

__all__ = [
    "ConfigurationError",
    "ExportError",
    "InstrumentationError",
    "KeyFunctionError",
    "OutworxError",
    "ProcessingStatus",
    "StoreError",
    "TokenError",
    "TrackContext",
    "TrackOptions",
    "VerifierError",
    "__version__",
    "current_track",
    "init",
    "instrument",
    "resume",
    "uninstrument",
    "webhook",
]
