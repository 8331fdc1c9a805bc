"""OpenTelemetry instrumentation for webhooks: one span per delivery, on FastAPI, Flask and Django."""

from .bootstrap import init
from .endpoints import webhook
from .errors import (
    ConfigurationError,
    ExportError,
    InstrumentationError,
    KeyFunctionError,
    OutworxError,
    StoreError,
    VerifierError,
)
from .integrations import instrument, uninstrument
from .options import TrackOptions
from .track import ProcessingStatus, TrackContext, current_track
from .version import __version__

__all__ = [
    "ConfigurationError",
    "ExportError",
    "InstrumentationError",
    "KeyFunctionError",
    "OutworxError",
    "ProcessingStatus",
    "StoreError",
    "TrackContext",
    "TrackOptions",
    "VerifierError",
    "__version__",
    "current_track",
    "init",
    "instrument",
    "uninstrument",
    "webhook",
]
