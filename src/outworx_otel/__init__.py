"""OpenTelemetry instrumentation for webhooks: one span per delivery, on FastAPI, Flask and Django."""

from typing import TYPE_CHECKING, Any

from outworx_otel.delivery import resume
from outworx_otel.delivery.track import TrackContext, current_track
from outworx_otel.errors import (
    ConfigurationError,
    ExportError,
    InstrumentationError,
    KeyFunctionError,
    OutworxError,
    StoreError,
    TokenError,
    TransactionError,
    UnverifiedDelivery,
    VerifierError,
)
from outworx_otel.integrations import instrument, uninstrument
from outworx_otel.setup.bootstrap import flush, init, shutdown
from outworx_otel.setup.marking import webhook
from outworx_otel.setup.options import TrackOptions
from outworx_otel.signatures import (
    SignatureResult,
    SignatureScheme,
    providers,
    register_provider,
    sign,
    verify,
)
from outworx_otel.telemetry import ProcessingStatus
from outworx_otel.version import __version__

if TYPE_CHECKING:
    from outworx_otel.export import OutworxSpanProcessor

__all__ = [
    "ConfigurationError",
    "ExportError",
    "InstrumentationError",
    "KeyFunctionError",
    "OutworxError",
    "OutworxSpanProcessor",
    "ProcessingStatus",
    "SignatureResult",
    "SignatureScheme",
    "StoreError",
    "TokenError",
    "TrackContext",
    "TrackOptions",
    "TransactionError",
    "UnverifiedDelivery",
    "VerifierError",
    "__version__",
    "current_track",
    "flush",
    "init",
    "instrument",
    "providers",
    "register_provider",
    "resume",
    "shutdown",
    "sign",
    "uninstrument",
    "verify",
    "webhook",
]


def __getattr__(name: str) -> Any:
    # The SDK is for those who export.
    if name == "OutworxSpanProcessor":
        from outworx_otel.export import OutworxSpanProcessor

        return OutworxSpanProcessor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
