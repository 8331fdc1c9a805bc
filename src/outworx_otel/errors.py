"""What `on_error` is given and what a wrong set-up raises: every class is an `OutworxError`."""

from __future__ import annotations


class OutworxError(Exception):
    """Anything that went wrong on our side of a delivery. It never reaches the application's handler."""


class ConfigurationError(OutworxError, ValueError):
    """An option, a key or a file that cannot be used; the message names it and says what to do."""


class VerifierError(OutworxError):
    """A user's `signature_verifier` raised."""


class KeyFunctionError(OutworxError):
    """A user's `idempotency_key` raised."""


class StoreError(OutworxError):
    """An idempotency store did not answer, or not in time."""


class ExportError(OutworxError):
    """Telemetry could not be delivered, or was dropped."""


class InstrumentationError(OutworxError):
    """A failure inside this package that was caught before it could touch a request."""
