"""What an HTTP message signature is over: its base (RFC 9421, section 2.5), and the body's digest (RFC 9530)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from outworx_otel.http.headers import Headers
from outworx_otel.signatures.procedure import SignedRequest

_LONGEST: Final = 8 * 1024
_MAX_COMPONENTS: Final = 64
_DIGESTS: Final[dict[str, Callable[[bytes], Any]]] = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Unsupported(ValueError):
    """A signature, or a component of one, that cannot be checked; the message says which, in a word or two."""


class MessageSignature(NamedTuple):
    """One signature of a request."""

    components: tuple[tuple[str, dict[str, Any]], ...]
    parameters: dict[str, Any]
    signature: bytes

    def covers(self, name: str) -> bool:
        """Whether this component is signed, all of it."""
        return (name, {}) in self.components


def read_signatures(headers: Headers, most: int) -> list[MessageSignature]:
    """The signatures of a request, as many as that.

    Raises:
        ValueError: One of the two headers cannot be read.
    """
    inputs, signatures = _dictionary(headers["signature-input"]), _dictionary(headers["signature"])
    found = []
    for label, (components, parameters) in list(inputs.items())[:most]:
        signature = signatures.get(label, (None, {}))[0]
        if (
            isinstance(components, list)
            and isinstance(signature, bytes)
            and len(components) <= _MAX_COMPONENTS
        ):
            found.append(MessageSignature(tuple(components), parameters, signature))
    return found


def digest_fits(body: bytes, header: str) -> bool:
    """Whether `Content-Digest` is the body's: every hash in it that is known, and one at least.

    Raises:
        ValueError: It cannot be read.
    """
    known = [(_DIGESTS[name], value) for name, (value, _) in _dictionary(header).items() if name in _DIGESTS]
    return bool(known) and all(
        isinstance(value, bytes) and hmac.compare_digest(hashed(body).digest(), value)
        for hashed, value in known
    )


def signature_base(request: SignedRequest, url: str, signature: MessageSignature) -> bytes:
    """What was signed, had the request been sent to this URL.

    Raises:
        Unsupported: A component is not there, comes twice, or is none that a request can be checked by.
    """
    import http_sf

    lines, seen = [], set()
    for name, parameters in signature.components:
        if not isinstance(name, str):
            raise Unsupported("a component that is no text")
        written = http_sf.ser((name, parameters))
        if written in seen or name != name.lower():
            raise Unsupported(f"{written[:60]} twice, or in capitals")
        seen.add(written)
        value = _value(request, url, name, parameters)
        if "\n" in value or "\r" in value:
            raise Unsupported(f"{written[:60]} with a line break")
        lines.append(f"{written}: {value}")
    told: Any = (list(signature.components), signature.parameters)
    lines.append(f'"@signature-params": {http_sf.ser({"x": told}).removeprefix("x=")}')
    text = "\n".join(lines)
    if not text.isascii():
        raise Unsupported("a component that is not ASCII")
    return text.encode()


def _value(request: SignedRequest, url: str, name: str, parameters: dict[str, Any]) -> str:
    if name == "@query-param" and set(parameters) == {"name"}:
        return _query_parameter(url, parameters["name"])
    if parameters:
        raise Unsupported(f"{name[:60]} with {', '.join(map(str, parameters))[:60]}")
    if name.startswith("@"):
        derive = _DERIVED.get(name)
        if derive is None:
            raise Unsupported(name[:60])
        return derive(request, url)
    value: str | None = request.headers.get(name)
    if value is None:
        raise Unsupported(f"{name[:60]}, which was not sent")
    return value.strip()


def _authority(request: SignedRequest, url: str) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2].lower()
    default = _DEFAULT_PORTS.get(parts.scheme)
    return host.removesuffix(f":{default}")


def _target(request: SignedRequest, url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path or '/'}?{parts.query}" if "?" in url else parts.path or "/"


def _query_parameter(url: str, name: Any) -> str:
    pairs = parse_qsl(urlsplit(url).query, keep_blank_values=True, max_num_fields=_MAX_COMPONENTS)
    values = [value for given, value in pairs if _quoted(given) == name]
    if len(values) != 1:
        raise Unsupported("@query-param of a parameter that is not there once")
    return _quoted(values[0])


def _quoted(text: str) -> str:
    return quote(text, safe="*-._", encoding="utf-8")


_DERIVED: Final[dict[str, Callable[[SignedRequest, str], str]]] = {
    "@method": lambda request, url: request.method,
    "@target-uri": lambda request, url: url,
    "@authority": _authority,
    "@scheme": lambda request, url: urlsplit(url).scheme,
    "@request-target": _target,
    "@path": lambda request, url: urlsplit(url).path or "/",
    "@query": lambda request, url: f"?{urlsplit(url).query}",
}


def _dictionary(text: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    import http_sf

    def refuse(key: str, context: str) -> None:
        raise Unsupported(f"{key[:60]} twice")

    if len(text) > _LONGEST:
        raise Unsupported("more than 8 KiB")
    try:
        parsed: Any = http_sf.parse(text.encode("latin-1"), tltype="dictionary", on_duplicate_key=refuse)
    except http_sf.StructuredFieldError as error:
        raise Unsupported("no structured field") from error
    found: dict[str, tuple[Any, dict[str, Any]]] = parsed
    return found
