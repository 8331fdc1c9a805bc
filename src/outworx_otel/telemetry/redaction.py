"""What may leave the process: headers, bodies and free text with their secrets taken out."""

from __future__ import annotations

import base64
import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final
from urllib.parse import unquote_plus

import msgspec

from outworx_otel.telemetry.semconv import HTTP_REQUEST_HEADER_PREFIX

REDACTED: Final = "[redacted]"
MAX_HEADERS: Final = 32
MAX_HEADER_BYTES: Final = 1024
MAX_NAME: Final = 128
"""Characters of a header's or a metadata entry's name: it becomes part of an attribute's name."""
MAX_BODY_BYTES: Final = 65_536
_MAX_REMEMBERED: Final = 16_384

# Parts of names whose values are credentials, in headers and in JSON alike.
_SENSITIVE_NAME: Final = re.compile(
    r"auth(?!or(?!i[sz]))|(?:^|[-_])sig(?:$|[-_])|cookie|secret|token|passw|signature|hmac|api[-_]?key|access[-_]?key|private[-_]?key|session"
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
    r"|(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
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


# A quoted name and its value, in what is meant to be JSON and does not parse.
_QUOTED_FIELD: Final = re.compile(r'("([^"\\]{1,128})"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^\s,}\]"{\[]+)', re.DOTALL)
_PART_NAME: Final = re.compile(rb'\bname="([^"\r\n]{1,128})"')


def is_sensitive(name: str) -> bool:
    """Whether the value of a header, a field or a variable of this name is a credential."""
    return name not in _HARMLESS_NAMES and _SENSITIVE_NAME.search(name) is not None


def scrub(text: str) -> str:
    """`text` without what looks like a credential, and without lone surrogates, which no exporter can encode."""
    text = _SENSITIVE_TEXT.sub(REDACTED, text)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


def cut(text: str, limit: int) -> str:
    """The first `limit` bytes of `text` in UTF-8: no character is cut in two, and lone surrogates are replaced."""
    if text.isascii():
        return text[:limit]
    return text[:limit].encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


class Redactor:
    """The patterns of one endpoint, compiled once.

    Args:
        patterns: beside the built-in ones: header names with `*` (`"x-internal-*"`), and paths into a JSON
            body (`"body.customer.email"`, `"$.items.*.price"`, where `*` stands for any key or index).
    """

    __slots__ = ("_fields", "_headers", "_names", "_paths", "_room")

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
        # What has no structure to follow a path through is searched for the last name of each.
        self._fields = frozenset(path[-1] for path in self._paths) - {"*"}
        # What was decided of header names, remembered: the same few come with every delivery.
        self._names: dict[str, tuple[str, tuple[str, ...] | None]] = {}
        self._room = _MAX_REMEMBERED

    def _shown(self, name: str) -> tuple[str, tuple[str, ...] | None]:
        """The attribute of a header, and what stands there instead of a value that is not to be seen.

        The attribute is "" where the name is too long for one.
        """
        if len(name) > MAX_NAME:
            return "", None
        sensitive = is_sensitive(name) or (
            name not in _HARMLESS_NAMES
            and self._headers is not None
            and self._headers.match(name) is not None
        )
        shown = HTTP_REQUEST_HEADER_PREFIX + name, (REDACTED,) if sensitive else None
        if self._room > len(name):
            self._room -= len(name)
            self._names[name] = shown
        return shown

    def add_headers(self, attributes: dict[str, Any], headers: Mapping[str, str]) -> int:
        """Adds `http.request.header.*`: 32 at most, the useful ones first, 1 KiB each. How many were left out."""
        items: Iterable[tuple[str, str]] = headers.items()
        omitted = max(len(headers) - MAX_HEADERS, 0)
        if omitted:
            items = sorted(items, key=lambda item: _usefulness(item[0]))[:MAX_HEADERS]
        known = self._names.get
        for name, value in items:
            attribute, hidden = known(name) or self._shown(name)
            if hidden is not None:
                attributes[attribute] = hidden
            elif not attribute:
                omitted += 1
            elif value.isascii():
                attributes[attribute] = (value[:MAX_HEADER_BYTES],)
            else:
                attributes[attribute] = (cut(value, MAX_HEADER_BYTES),)
        return omitted

    def body(self, raw: bytes, content_type: str = "") -> str:
        """The body as text, its sensitive fields replaced; base64 where it is no text; 64 KiB at most.

        Args:
            raw: JSON, a form, or anything else.
            content_type: as the header has it; forms are told by it.
        """
        kind = content_type.partition(";")[0].strip().lower()
        if kind == "application/x-www-form-urlencoded":
            return _text_or_base64(self._form(raw[:MAX_BODY_BYTES]))
        if kind.startswith("multipart/"):
            return _text_or_base64(self._parts(raw[:MAX_BODY_BYTES]))
        try:
            document = msgspec.json.decode(raw)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            return _text_or_base64(raw, self._quoted)
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

    def _hides(self, field: str) -> bool:
        return field in self._fields or _SENSITIVE_NAME.search(field) is not None

    def _form(self, raw: bytes) -> bytes:
        pairs = []
        for pair in raw.split(b"&"):
            name, equals, _ = pair.partition(b"=")
            hidden = equals and self._hides(unquote_plus(name.decode("latin-1")))
            pairs.append(name + b"=" + REDACTED.encode() if hidden else pair)
        return b"&".join(pairs)

    def _parts(self, raw: bytes) -> bytes:
        parts = raw.split(b"\r\n--")
        for position, part in enumerate(parts):
            head, blank, _ = part.partition(b"\r\n\r\n")
            name = _PART_NAME.search(head)
            if name is not None and self._hides(name[1].decode("latin-1")):
                parts[position] = head + blank + REDACTED.encode()
        return b"\r\n--".join(parts)

    def _quoted(self, text: str) -> str:
        return _QUOTED_FIELD.sub(
            lambda found: found[1] + f'"{REDACTED}"' if self._hides(found[2]) else found[0], text
        )


def _usefulness(name: str) -> int:
    if len(name) > MAX_NAME:
        return 3
    if name in _USEFUL:
        return 0
    return 1 if name.startswith(_USEFUL_PREFIXES) else 2


def _text_or_base64(raw: bytes, redacted: Callable[[str], str] = str) -> str:
    raw = raw[:MAX_BODY_BYTES]
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        # A character cut in two by the limit is no reason for base64.
        if len(raw) < MAX_BODY_BYTES or error.start < len(raw) - 3:
            return base64.b64encode(raw[: MAX_BODY_BYTES * 3 // 4]).decode()
        text = raw[: error.start].decode()
    return scrub(redacted(text))


def _redact_names(document: Any) -> bool:
    changed = False
    if isinstance(document, dict):
        for key, value in document.items():
            if isinstance(value, dict | list):
                changed = _redact_names(value) or changed
                if isinstance(value, list) and _SENSITIVE_NAME.search(key):
                    changed = _hide_items(value) or changed
            elif value is not None and _SENSITIVE_NAME.search(key):
                document[key] = REDACTED
                changed = True
    elif isinstance(document, list):
        for item in document:
            changed = _redact_names(item) or changed
    return changed


def _hide_items(items: list[Any]) -> bool:
    """Hides the plain values of a list whose name is sensitive."""
    plain = [position for position, item in enumerate(items) if not isinstance(item, dict | list)]
    for position in plain:
        items[position] = REDACTED
    return bool(plain)


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
