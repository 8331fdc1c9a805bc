"""Takes secrets out of what goes to an agent: those that are known here, and whatever looks like one."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from outworx_otel.errors import OutworxError
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
_BODIES: Final = frozenset(name.removeprefix(_OURS) for name in (semconv.REQUEST_BODY, semconv.RESPONSE_BODY))
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
_IN_A_QUERY: Final = re.compile(r"([?&;]|^)([A-Za-z0-9_.\[\]%-]{1,64})=([^&;\s\"'<>]+)")


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

    def text(self, text: str) -> str:
        """The text without secrets."""
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _IN_A_QUERY.sub(_without_value, scrub(text))

    def document(self, value: Any, name: str = "") -> Any:
        """A document without secrets: nothing of a sensitive name, and every text as `text` gives it."""
        if isinstance(value, Mapping):
            return {self.text(str(key)): self.document(one, str(key)) for key, one in value.items()}
        if name not in _OUR_NAMES and is_sensitive(name.removeprefix(_HEADER).rpartition(".")[2] or name):
            return value if value is None or isinstance(value, bool) else REDACTED
        if isinstance(value, list | tuple):
            return [self.document(one, name) for one in value]
        if not isinstance(value, str):
            return value
        return self.text(self._redactor.body(_encoded(value)) if name in _BODIES else value)


def _without_value(found: re.Match[str]) -> str:
    return f"{found[1]}{found[2]}={REDACTED}" if is_sensitive(found[2]) else found[0]


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


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
