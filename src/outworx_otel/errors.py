"""What `on_error` is given and what a wrong set-up raises: every class is an `OutworxError`."""

from __future__ import annotations

from typing import Final, Literal


class OutworxError(Exception):
    """Anything that went wrong on our side of a delivery. It never reaches the application's handler."""


class ConfigurationError(OutworxError, ValueError):
    """An option, a key or a file that cannot be used; the message names it and says what to do."""


class VerifierError(OutworxError):
    """A user's `signature_verifier` raised."""


class UnverifiedDelivery(OutworxError):
    """A handler that is marked with `@webhook(..., signature_secret=...)` was called outside a verified delivery."""

    endpoint: object = None
    """What the handler is marked with."""


class KeyFunctionError(OutworxError):
    """A user's `idempotency_key` raised."""


class StoreError(OutworxError):
    """An idempotency store did not answer, or not in time."""


class TransactionError(OutworxError):
    """`track.once()` cannot put the key into one transaction with the effect; the message says why."""


class DeliveryEnded(BaseException):  # it is no error
    """Ends a handler at `track.once()`: its event is done, or another delivery of it is under way.

    Let it pass: it becomes the delivery's answer. `except Exception` does.
    """

    def __init__(self, answer: object) -> None:
        super().__init__("this event is done, or under way; outworx answers in the handler's place")
        self.answer: Final = answer


class ExportError(OutworxError):
    """Telemetry could not be delivered, or was dropped."""


class InstrumentationError(OutworxError):
    """A failure inside this package that was caught before it could touch a request."""


_MAX_TEXT: Final = 1024

TokenProblem = Literal["malformed", "unsupported_version", "bad_signature", "expired"]


class TokenError(OutworxError, ValueError):
    """A deferral token that cannot be resumed.

    `problem` is `malformed` (no token, or cut short), `unsupported_version` (from a newer release),
    `bad_signature` (changed on the way, or made with another key), or `expired`.
    """

    def __init__(self, problem: TokenProblem, message: str) -> None:
        super().__init__(message)
        self.problem = problem


def described(cause: BaseException) -> str:
    """A cause's type and text, on one line; the type alone where its text cannot be had: it may be anybody's class.

    The text may quote a request: no line of a log may be made up by whoever sent that.
    """
    try:
        text = f"{type(cause).__name__}: {cause}"[:_MAX_TEXT]
        return "".join(sign if sign.isprintable() else " " for sign in text)
    except Exception:  # noqa: BLE001  # a `__str__` that raises
        return type(cause).__name__
