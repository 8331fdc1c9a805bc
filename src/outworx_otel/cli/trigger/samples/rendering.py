"""From a template to a delivery that was never sent before: fresh ids and times in place of its placeholders."""

from __future__ import annotations

import json
import random
import re
import string
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from outworx_otel.cli.trigger.samples.catalogue import Sample
from outworx_otel.cli.trigger.samples.changes import Change, changed

# ${kind} or ${kind:name}; the same kind and name give the same value throughout one delivery.
_PLACEHOLDER: Final = re.compile(r"\$\{([a-z_]+[0-9]*)(?::([a-z0-9]+))?\}")
_KIND: Final = re.compile(r"([a-z_]+?)([0-9]*)")
_ALPHABETS: Final = {
    "alnum": (string.ascii_letters + string.digits, 24),
    "digits": (string.digits[1:], 12),
    "hex": ("0123456789abcdef", 32),
    "lower": (string.ascii_lowercase + string.digits, 24),
    "upper": (string.ascii_uppercase + string.digits, 10),
}
# Where one of these is all of a string, it becomes a number.
_NUMERIC: Final = frozenset({"number", "unix", "unix_ms"})


class Rendered(NamedTuple):
    """A delivery before it is signed."""

    body: bytes
    headers: tuple[tuple[str, str], ...]


def render(
    sample: Sample,
    now: float,
    changes: Sequence[Change] = (),
    random_source: random.Random | None = None,
) -> Rendered:
    """One delivery of a sample.

    Args:
        sample: what to send.
        now: Unix seconds that its times say.
        changes: values of the user's own, put over the sample's.
        random_source: where ids come from; None is the system's.

    Raises:
        ConfigurationError: a change does not fit the payload.
    """
    values = _Values(sample.event, now, random_source or random.SystemRandom())
    headers = tuple((name, values.fill(value)) for name, value in sample.headers.items())
    if sample.is_form:
        fields: dict[str, Any] = {}
        for line in sample.template.splitlines():
            name, _, value = line.partition("=")
            fields[name] = values.fill(value)
        fields = changed(fields, changes)
        return Rendered(
            urlencode({name: _as_text(value) for name, value in fields.items()}).encode(), headers
        )
    document = changed(_filled(json.loads(sample.template), values), changes)
    return Rendered(_written(document, sample.indent), headers)


def _written(document: Any, indent: int) -> bytes:
    if indent:
        return json.dumps(document, ensure_ascii=False, indent=indent).encode()
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _filled(value: Any, values: _Values) -> Any:
    if isinstance(value, dict):
        return {values.fill(name): _filled(item, values) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, values) for item in value]
    if not isinstance(value, str):
        return value
    alone = _PLACEHOLDER.fullmatch(value)
    text = values.fill(value)
    return int(text) if alone is not None and alone[1] in _NUMERIC else text


class _Values:
    """The values of one delivery, made when they are first asked for."""

    def __init__(self, event: str, now: float, source: random.Random) -> None:
        self._source = source
        self._known: dict[tuple[str, str | None], str] = {}
        moment = datetime.fromtimestamp(now, tz=timezone.utc)
        self._makers: dict[str, Callable[[], str]] = {
            "event": lambda: event,
            "kind": lambda: event.partition(".")[0],
            "unix": lambda: str(int(now)),
            "unix_text": lambda: str(int(now)),
            "unix_ms": lambda: str(int(now * 1000)),
            "iso": lambda: f"{moment:%Y-%m-%dT%H:%M:%S}Z",
            "iso_ms": lambda: f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z",
            "number": lambda: str(source.randrange(10**9, 10**10)),
            "uuid": lambda: str(uuid.UUID(int=source.getrandbits(128), version=4)),
            "sha1": lambda: f"{source.getrandbits(160):040x}",
        }

    def fill(self, text: str) -> str:
        return _PLACEHOLDER.sub(self._value, text) if "${" in text else text

    def _value(self, match: re.Match[str]) -> str:
        key = (match[1], match[2])
        if key not in self._known:
            self._known[key] = self._made(match[1])
        return self._known[key]

    def _made(self, kind: str) -> str:
        maker = self._makers.get(kind)
        if maker is not None:
            return maker()
        parts = _KIND.fullmatch(kind)
        assert parts is not None
        alphabet, length = _ALPHABETS[parts[1]]
        return "".join(self._source.choices(alphabet, k=int(parts[2] or length)))
