"""Why a delivery failed, and where in the application."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec

from outworx_otel.server.attributes import text, whole
from outworx_otel.server.model import StoredDelivery
from outworx_otel.telemetry import semconv

_FRAME: Final = re.compile(
    r'^ {2,}File "([^"\n]{1,4096})", line (\d{1,9})(?:, in ([^\n]{1,512}))?', re.MULTILINE
)
# Where the interpreter's own and installed modules lie, on every system; ours never decide anything.
_NOT_THE_APPLICATION: Final = re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib(?:64)?[/\\]python\d|[/\\]Lib[/\\]|^<|[/\\]outworx_otel[/\\]"
)
_MOST_READ: Final = 256 * 1024
_BEGINNING: Final = "Traceback (most recent call last)"


class CodePlace(msgspec.Struct, frozen=True):
    """A line of code; empty where it is not known."""

    file: str = ""
    line: int | None = None
    function: str = ""


NOWHERE: Final = CodePlace()


class FailureNote(NamedTuple):
    """Why it failed, None for what is not known."""

    text: str | None = None
    exception_type: str | None = None
    place: CodePlace = NOWHERE


def failure_of(delivery: StoredDelivery) -> FailureNote:
    """Returns why it failed, in the application's words: an exception, or what was given to `track.failed`.

    An exception that decided something and was handled (the store was away) is no failure of another type.
    """
    attributes = delivery.attributes
    error_type = text(attributes, semconv.ERROR_TYPE)
    place = CodePlace(
        text(attributes, semconv.CODE_FILE) or "",
        whole(attributes, semconv.CODE_LINE),
        text(attributes, semconv.CODE_FUNCTION) or "",
    )
    for event in delivery.events:
        if event.name == semconv.EXCEPTION_EVENT:
            full = text(event.attributes, semconv.EXCEPTION_TYPE) or ""
            kind = short_type(full)
            if error_type is None or error_type == "error" or short_type(error_type) == kind:
                message = text(event.attributes, semconv.EXCEPTION_MESSAGE)
                raised = place_of(text(event.attributes, semconv.EXCEPTION_STACKTRACE) or "")
                return FailureNote(
                    f"{kind}: {message}" if message else kind,
                    full or None,
                    place if raised is NOWHERE else raised,
                )
    reason = text(attributes, semconv.PROCESSING_REASON)
    return FailureNote(reason or error_type, text(attributes, semconv.EXCEPTION_TYPE), place)


def place_of(stack: str) -> CodePlace:
    """Returns the innermost line of the application in a traceback's text, or of all where it has none.

    Of exceptions that were raised during others, the last traceback counts: it is the one that came out.
    """
    begins = stack.rfind(_BEGINNING)
    frames = _FRAME.findall(stack[max(begins, len(stack) - _MOST_READ, 0) :])
    if not frames:
        return NOWHERE
    own = [frame for frame in frames if not _NOT_THE_APPLICATION.search(frame[0])]
    file, line, function = (own or frames)[-1]
    return CodePlace(file, int(line), function)


def short_type(name: str) -> str:
    """An exception's type without its module; what is no dotted name stays as it is."""
    return name.rpartition(".")[2] if name.replace(".", "").replace("_", "").isalnum() else name
