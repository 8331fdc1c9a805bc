"""The ways in which providers write a signature header."""

from __future__ import annotations

from collections.abc import Callable

from outworx_otel.signatures.scheme import Layout, SignatureScheme

Parsed = tuple[str | None, list[str]]
"""The timestamp, if the header holds one, and the signatures, all as text."""

Parser = Callable[[str], Parsed]

# What may stand round a part of a header (RFC 9110, OWS). `str.strip()` alone takes control characters too, and
# with them would read a damaged "=" of the padding as no padding at all.
_SPACE = " \t"


def _plain(scheme: SignatureScheme) -> Parser:
    prefix = scheme.prefix
    length = len(prefix)
    # An Authorization's scheme is written in either case (RFC 9110).
    is_scheme = prefix.endswith(" ")

    def parse(value: str) -> Parsed:
        if is_scheme:
            fits = value[:length].lower() == prefix.lower()
            return None, [value[length:].strip(_SPACE)] if fits else []
        if not value.startswith(prefix):
            return None, []
        return None, [value[length:]]

    return parse


def _list(scheme: SignatureScheme) -> Parser:
    def parse(value: str) -> Parsed:
        return None, [item.strip(_SPACE) for item in value.split(",")]

    return parse


def _pairs(scheme: SignatureScheme) -> Parser:
    separator, timestamp_field, signature_field = (
        scheme.separator,
        scheme.timestamp_field,
        scheme.signature_field,
    )

    def parse(value: str) -> Parsed:
        timestamp: str | None = None
        signatures = []
        for item in value.split(separator):
            name, _, text = item.partition("=")
            # WorkOS sets a space after the comma, and proxies join repeated headers with one.
            name = name.strip(_SPACE)
            if name == signature_field:
                signatures.append(text.strip(_SPACE))
            elif name == timestamp_field and timestamp is None:
                timestamp = text.strip(_SPACE)
        return timestamp, signatures

    return parse


def _tagged(scheme: SignatureScheme) -> Parser:
    tag = scheme.signature_field + ","
    length = len(tag)
    untagged = scheme.untagged

    def parse(value: str) -> Parsed:
        signatures: list[str] = []
        if value.startswith(" ") or value.endswith(" "):
            # Servers strip these; what is left is a damaged character of the padding.
            return None, signatures
        # A repeated header arrives joined with ", ".
        for item in value.replace(", ", " ").split(" "):
            if item.startswith(tag):
                signatures.append(item[length:])
            elif untagged and "," not in item:
                signatures.append(item)
        return None, signatures

    return parse


_PARSERS: dict[Layout, Callable[[SignatureScheme], Parser]] = {
    "plain": _plain,
    "list": _list,
    "pairs": _pairs,
    "tagged": _tagged,
}


def parser_for(scheme: SignatureScheme) -> Parser:
    """The parser of the scheme's signature header."""
    return _PARSERS[scheme.layout](scheme)
