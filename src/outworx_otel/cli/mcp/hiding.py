"""Takes secrets out of what goes to an agent: those that are known here, and whatever looks like one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from outworx_otel.errors import OutworxError
from outworx_otel.server.explaining.codes import REASONS
from outworx_otel.server.fields import FIELDS
from outworx_otel.server.replay import known_secrets
from outworx_otel.signatures.secret import split_secrets
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.redaction import REDACTED, Redactor, is_sensitive, scrub

# Shorter ones would be found in any text.
_SHORTEST: Final = 6
# Of an environment; `SESSION` and the like name much that is no secret.
_SECRET_VARIABLE: Final = re.compile(r"SECRET|TOKEN|PASSW|API_?KEY|PRIVATE_?KEY|CREDENTIAL", re.IGNORECASE)
_SEVERAL: Final = "OUTWORX_SERVE_API_KEYS"
_OURS: Final = "outworx.webhook."
_HEADER: Final = semconv.HTTP_REQUEST_HEADER_PREFIX
# What these say is ours: the verdict on a signature, not the signature.
_OUR_NAMES: Final = frozenset(
    {
        *(field.json for field in FIELDS),
        *(
            name.removeprefix(_OURS)
            for name in vars(semconv).values()
            if isinstance(name, str) and name.startswith(_OURS)
        ),
        "secrets",
        "signature_kind",
        "signature",
    }
)
_NAMED: Final = re.compile(r"(?<![A-Za-z0-9_.-])(['\"]?)([A-Za-z0-9_.\[\]%-]{1,64})\1(\s?[=:]\s?)['\"]?")
_VALUE: Final = re.compile(r"[^&;\s\"'<>,}]+")
_COMPOUND: Final = re.compile(r"[A-Za-z0-9][-_][A-Za-z0-9]")


class Hiding:
    """Hides secrets.

    Args:
        values: secrets beside those that the configuration and the environment hold.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        found = {value.strip() for value in (*values, *_configured(), *_in_environment())}
        longest = sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest))) if longest else None
        self._redactor = Redactor()

    def said(self, text: str) -> str:
        """A text of ours without secrets."""
        return scrub(text if self._known is None else self._known.sub(REDACTED, text))

    def text(self, text: str) -> str:
        """A text from outside without secrets: in JSON, in forms and queries, in headers, in any other words."""
        known = text if self._known is None else self._known.sub(REDACTED, text)
        return _without_values(self._redactor.body(known.encode("utf-8", "replace")))

    def document(self, value: Any, name: str = "") -> Any:
        """A document without secrets: nothing of a sensitive name, and every text as `text` gives it."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.document(one, str(key)) for key, one in value.items()}
        if name not in _OUR_NAMES and is_sensitive(name.removeprefix(_HEADER).rpartition(".")[2] or name):
            return value if value is None or isinstance(value, bool) else REDACTED
        if isinstance(value, list | tuple):
            return [self.document(one, name) for one in value]
        return self.text(value) if isinstance(value, str) else value


def _without_values(text: str) -> str:
    """The text without the values of names that are secrets'."""
    parts, done = [], 0
    for found in _NAMED.finditer(text):
        value = _VALUE.match(text, found.end())
        if value is not None and found.start() >= done and _hides_its_value(*found.groups()):
            parts += [text[done : value.start()], REDACTED]
            done = value.end()
    return "".join([*parts, text[done:]])


def _hides_its_value(quote: str, name: str, between: str) -> bool:
    """Whether it is a secret's: `token=x`, `'token': 'x'`, `X-Token: x`, but not the sentence `a bad token: x`."""
    is_pair = quote or "=" in between or _COMPOUND.search(name)
    return bool(is_pair) and name not in REASONS and is_sensitive(name)


def _configured() -> Iterable[str]:
    try:
        for known in known_secrets():
            for secret in split_secrets(known.secret):
                yield secret.decode("utf-8", "replace") if isinstance(secret, bytes) else secret
    except OutworxError:  # a file that cannot be read is said where it is needed
        return


def _in_environment() -> Iterable[str]:
    """Of every variable whose name says that it is a secret."""
    for name, value in os.environ.items():
        if name == _SEVERAL:
            # Each with its purpose before it, or without.
            yield from (part for key in value.split() for part in (key, key.partition(":")[2]))
        elif _SECRET_VARIABLE.search(name):
            yield value
