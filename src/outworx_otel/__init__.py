"""OpenTelemetry instrumentation for webhooks: one span per delivery, on FastAPI, Flask and Django."""

import importlib
from typing import TYPE_CHECKING, Any, Final

from outworx_otel.process import loading
from outworx_otel.version import __version__

if TYPE_CHECKING:
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
    from outworx_otel.export import OutworxSpanProcessor
    from outworx_otel.integrations import instrument, uninstrument
    from outworx_otel.setup.bootstrap import flush, init, shutdown
    from outworx_otel.setup.marking import webhook
    from outworx_otel.setup.option_types import EndpointOptions, WebhookOptions
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

__all__ = [
    "ConfigurationError",
    "EndpointOptions",
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
    "WebhookOptions",
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

# Where each name lives: it is imported when it is first asked for, so that who needs one pays for no other, and the
# OpenTelemetry SDK is for those who export.
_HOMES: Final = {
    "outworx_otel.delivery": ("resume",),
    "outworx_otel.delivery.track": ("TrackContext", "current_track"),
    "outworx_otel.errors": tuple(name for name in __all__ if name.endswith(("Error", "Delivery"))),
    "outworx_otel.export": ("OutworxSpanProcessor",),
    "outworx_otel.integrations": ("instrument", "uninstrument"),
    "outworx_otel.setup.bootstrap": ("flush", "init", "shutdown"),
    "outworx_otel.setup.marking": ("webhook",),
    "outworx_otel.setup.option_types": ("EndpointOptions", "WebhookOptions"),
    "outworx_otel.setup.options": ("TrackOptions",),
    "outworx_otel.signatures": (
        "SignatureResult",
        "SignatureScheme",
        "providers",
        "register_provider",
        "sign",
        "verify",
    ),
    "outworx_otel.telemetry": ("ProcessingStatus",),
}
_HOME_OF: Final = {name: module for module, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOME_OF[name]), name)
    return value


def _check_guards(what: str) -> None:
    from outworx_otel.setup.bootstrap import check_guards

    check_guards(what)


# Whatever of ours OpenTelemetry loads by name imports this file first, and perhaps nothing else that would ask if
# anybody guards what is configured.
loading.on_loaded(_check_guards)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
