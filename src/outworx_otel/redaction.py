"""What may leave the process: headers, bodies and free text with their secrets taken out."""

from __future__ import annotations

import base64
import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

REDACTED: Final = "[redacted]"
MAX_HEADERS: Final = 32
MAX_HEADER_CHARS: Final = 1024
MAX_BODY_BYTES: Final = 65_536

# Parts of names whose values are credentials, in headers and in JSON alike.
_SENSITIVE_NAME: Final = re.compile(
    r"auth|cookie|secret|token|passw|signature|hmac|api[-_]?key|access[-_]?key|private[-_]?key|session"
    r"|credential|card[-_]?number|cvc|cvv|x-hub-|ssn",
    re.IGNORECASE,
)
# Names that look like credentials and are none.
_HARMLESS_NAMES: Final = frozenset(
    {"svix-id", "webhook-id", "x-slack-request-timestamp", "x-twilio-webhooks-signature-settings"}
)
# Credentials that can be told by their own shape wherever they stand.
_SENSITIVE_TEXT: Final = re.compile(
    r"(?:\b(?:whsec|whpk|sk_live|sk_test|rk_live|rk_test|ohk|xox[abpr]|gh[pousr])[_-][A-Za-z0-9+/=_-]{8,}"
    r"|\b(?:Bearer|Basic)\s+[A-Za-z0-9+/=._~-]{8,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@))"
)
# What helps most when a delivery is looked into goes first, because only 32 headers are kept.
_USEFUL: Final = (
    "content-type",
    "content-length",
    "user-agent",
    "host",
    "content-encoding",
    "x-forwarded-for",
)
_USEFUL_PREFIXES: Final = ("x-github-", "x-shopify-", "stripe-", "svix-", "webhook-", "x-slack-", "x-event")


def scrub(text: str) -> str:
    """`text` without what looks like a credential."""
    return _SENSITIVE_TEXT.sub(REDACTED, text)


class Redactor:
    """The patterns of one endpoint, compiled once.

    Args:
        patterns: beside the built-in ones: header names with `*` (`"x-internal-*"`), and paths into a JSON
            body (`"body.customer.email"`, `"$.items.*.price"`, where `*` stands for any key or index).
    """

    __slots__ = ("_headers", "_names", "_paths")

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        headers = [pattern for pattern in patterns if not pattern.startswith(("body.", "$."))]
        self._headers = (
            re.compile("|".join(fnmatch.translate(pattern.lower()) for pattern in headers))
            if headers
            else None
        )
        self._paths = tuple(
            tuple(pattern.split(".")[1:]) for pattern in patterns if pattern.startswith(("body.", "$."))
        )
        # Which header names are sensitive, remembered: the same few come with every delivery.
        self._names: dict[str, bool] = {}

    def _is_sensitive(self, name: str) -> bool:
        known = self._names.get(name)
        if known is None:
            known = name not in _HARMLESS_NAMES and (
                _SENSITIVE_NAME.search(name) is not None
                or (self._headers is not None and self._headers.match(name) is not None)
            )
            if len(self._names) < 512:
                self._names[name] = known
        return known

    def headers(self, headers: Mapping[str, str]) -> tuple[dict[str, str], int]:
        """At most 32 headers, the useful ones first, 1 KiB each, and how many were left out."""
        names: Iterable[str] = headers
        omitted = len(headers) - MAX_HEADERS
        if omitted > 0:
            names = sorted(headers, key=_usefulness)[:MAX_HEADERS]
        kept = {}
        for name in names:
            if self._is_sensitive(name):
                kept[name] = REDACTED
            else:
                value = headers[name]
                kept[name] = value if len(value) <= MAX_HEADER_CHARS else value[:MAX_HEADER_CHARS]
        return kept, max(omitted, 0)

    def body(self, raw: bytes) -> str:
        """The body as text, its sensitive JSON fields replaced; base64 where it is no text; 64 KiB at most."""
        try:
            document = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return _text_or_base64(raw)
        if not isinstance(document, dict | list):
            return _text_or_base64(raw)
        try:
            changed = _redact_names(document)
            for path in self._paths:
                changed = _redact_path(document, path) or changed
            return _text_or_base64(msgspec.json.encode(document) if changed else raw)
        except (RecursionError, msgspec.MsgspecError):
            # A body that cannot be searched cannot be shown: it may hold what was to be hidden.
            return REDACTED


def _usefulness(name: str) -> int:
    if name in _USEFUL:
        return 0
    return 1 if name.startswith(_USEFUL_PREFIXES) else 2


def _text_or_base64(raw: bytes) -> str:
    raw = raw[:MAX_BODY_BYTES]
    try:
        return scrub(raw.decode())
    except UnicodeDecodeError as error:
        # A character cut in two by the limit is no reason for base64.
        if len(raw) == MAX_BODY_BYTES and error.start >= len(raw) - 3:
            return scrub(raw[: error.start].decode())
        return base64.b64encode(raw[: MAX_BODY_BYTES * 3 // 4]).decode()


def _redact_names(document: Any) -> bool:
    changed = False
    if isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, dict | list):
                changed = _redact_names(value) or changed
            elif value is not None and _SENSITIVE_NAME.search(key):
                document[key] = REDACTED
                changed = True
    elif isinstance(document, list):
        for item in document:
            changed = _redact_names(item) or changed
    return changed


def _redact_path(document: Any, path: tuple[str, ...]) -> bool:
    step, *rest = path
    keys: Iterable[Any] = ()
    if isinstance(document, dict):
        keys = list(document) if step == "*" else [step] if step in document else []
    elif isinstance(document, list):
        keys = range(len(document)) if step == "*" else [int(step)] if step.isdecimal() else []
    changed = False
    for key in keys:
        if isinstance(key, int) and key >= len(document):
            continue
        if rest:
            changed = _redact_path(document[key], tuple(rest)) or changed
        else:
            document[key] = REDACTED
            changed = True
    return changed
