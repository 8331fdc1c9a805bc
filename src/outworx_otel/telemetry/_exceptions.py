"""Exceptions as attributes and as one line of text: bounded, and without their secrets."""

from __future__ import annotations

import itertools
import traceback
from collections.abc import Iterable
from typing import Any, Final

from opentelemetry.util.types import AttributeValue

from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.redaction import cut, scrub

MAX_TEXT: Final = 1024
_MAX_TRACE: Final = 16_384
_MAX_TOLD: Final = 8


def shown(value: Any) -> str:
    """Any object's text, or its type where that cannot be had."""
    try:
        return str(value)
    except Exception:  # noqa: BLE001  # the application's class, or an integer of too many digits
        return f"<{type(value).__name__}>"


def clean(text: str) -> str:
    """Text of `MAX_TEXT` bytes at most, without what looks like a credential."""
    return cut(scrub(text[: 4 * MAX_TEXT]), MAX_TEXT)


def type_of_error(error: BaseException) -> str:
    """The value of `error.type`."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


def in_words(error: BaseException) -> str:
    """Type and text."""
    return clean(f"{type(error).__name__}: {shown(error)[: 4 * MAX_TEXT]}")


def exception_attributes(error: BaseException) -> dict[str, AttributeValue]:
    """Of an exception that ended the work: type, text and stack trace."""
    lines = traceback.format_exception(type(error), error, error.__traceback__)
    trace = scrub("".join(lines)[-4 * _MAX_TRACE :])[-_MAX_TRACE:]
    return {**cause_attributes(error), semconv.EXCEPTION_STACKTRACE: trace}


def cause_attributes(error: BaseException) -> dict[str, AttributeValue]:
    """Of an exception that decided something and was handled: type and text."""
    return {
        semconv.EXCEPTION_TYPE: f"{type(error).__module__}.{type(error).__qualname__}",
        semconv.EXCEPTION_MESSAGE: clean(shown(error)),
    }


def error_message(description: str | None, exceptions: Iterable[tuple[str, str]]) -> str | None:
    """What went wrong, in one line.

    Args:
        description: of the span's status.
        exceptions: type and text of each that was recorded; the first eight are told.
    """
    parts = [description] if description else []
    for kind, text in itertools.islice(exceptions, _MAX_TOLD):
        name = kind.rpartition(".")[2]
        if not any((text or name) in part for part in parts):
            parts.append(f"{name}: {text}" if text else name)
    return "; ".join(parts) or None
