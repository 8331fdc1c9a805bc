"""Gives attributes their types again: the exporter's `Map(String, String)` keeps each as text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from outworx_otel.server.model import Attributes
from outworx_otel.telemetry import semconv

_FLAGS: Final = (
    semconv.DETECTED,
    semconv.SIGNATURE_VALID,
    semconv.IDEMPOTENCY_COMMITTED,
    semconv.IDEMPOTENCY_BODY_OMITTED,
    semconv.IDEMPOTENCY_FINGERPRINT_MISMATCH,
)
_WHOLE: Final = (
    semconv.SIGNATURE_KEY_INDEX,
    semconv.SIGNATURE_KEY_COUNT,
    semconv.METADATA_OMITTED,
    semconv.HEADERS_OMITTED,
    semconv.HTTP_STATUS,
    semconv.HTTP_BODY_SIZE,
    semconv.CODE_LINE,
)
_NUMBERS: Final = (semconv.SIGNATURE_AGE, semconv.PROCESSING_MARKED_AT, semconv.QUEUE_DELAY)
# Whatever is told of these is text, also where it looks like a number.
_TEXTS: Final = (
    "outworx.webhook.",
    "cloudevents.",
    "code.",
    "deployment.",
    "error.",
    "exception.",
    "http.request.method",
    "http.route",
    "service.",
    "telemetry.",
    "url.",
)
_INTEGER: Final = re.compile(r"0|-?[1-9]\d{0,15}")
_DOUBLE: Final = re.compile(r"-?(?:0|[1-9]\d{0,15})(?:\.\d{1,25}(?:e[+-]\d{1,3})?|e[+-]\d{1,3})")
# Beyond it a number that is written as JSON is another one for many who read it.
_EXACT: Final = 2**53
_MOST_LISTED: Final = 64 * 1024


def typed(pairs: Iterable[tuple[str, str]]) -> Attributes:
    """Attributes with their types, by what `model/` says of ours, by their look where nothing is said.

    Only what reads exactly as the exporter writes a value of that type is taken for one: `true`, `-12`, `0.25`,
    `["a"]`; `012`, `+49`, `1e5` and `True` stay text. A text that looks like a number cannot be told from one.
    """
    return {name: _typed(name, text) for name, text in pairs}


def _typed(name: str, text: str) -> Any:
    of_ours = _OURS.get(name)
    if of_ours is not None:
        return of_ours(text)
    if name.startswith(semconv.HTTP_REQUEST_HEADER_PREFIX):
        return _listed(text)
    if name.startswith(_TEXTS) and not name.startswith(semconv.METADATA_PREFIX):
        return text
    return _by_its_look(text)


def _flag(text: str) -> Any:
    return {"true": True, "false": False}.get(text, text)


def _whole(text: str) -> Any:
    return int(text) if _INTEGER.fullmatch(text) and abs(int(text)) <= _EXACT else text


def _number(text: str) -> Any:
    return float(text) if _INTEGER.fullmatch(text) or _DOUBLE.fullmatch(text) else text


def _listed(text: str) -> Any:
    return _json(text) if text.startswith("[") else text


def _by_its_look(text: str) -> Any:
    if text in ("true", "false"):
        return text == "true"
    if _INTEGER.fullmatch(text):
        return _whole(text)
    if _DOUBLE.fullmatch(text):
        return float(text)
    return _json(text) if text[:1] in ("[", "{") else text


def _json(text: str) -> Any:
    if len(text) > _MOST_LISTED:
        return text
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


_OURS: Final[dict[str, Callable[[str], Any]]] = {
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(_WHOLE, _whole),
    **dict.fromkeys(_NUMBERS, _number),
}
