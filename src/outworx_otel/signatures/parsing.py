"""The three ways in which providers write a signature header."""

from __future__ import annotations

from collections.abc import Callable

from outworx_otel.signatures.scheme import Layout, SignatureScheme

Parsed = tuple[str | None, list[str]]
"""The timestamp, if the header holds one, and the signatures, all as text."""

Parser = Callable[[str], Parsed]


def _plain(scheme: SignatureScheme) -> Parser:
    prefix = scheme.prefix
    length = len(prefix)

    def parse(value: str) -> Parsed:
        if not value.startswith(prefix):
            return None, []
        return None, [value[length:]]

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
            name = name.strip()
            if name == signature_field:
                signatures.append(text.strip())
            elif name == timestamp_field and timestamp is None:
                timestamp = text.strip()
        return timestamp, signatures

    return parse


def _tagged(scheme: SignatureScheme) -> Parser:
    tag = scheme.signature_field + ","
    length = len(tag)
    untagged = scheme.untagged

    def parse(value: str) -> Parsed:
        signatures = []
        for item in value.split():
            # A repeated header arrives joined with ", ".
            item = item.rstrip(",")
            if item.startswith(tag):
                signatures.append(item[length:])
            elif untagged and "," not in item:
                signatures.append(item)
        return None, signatures

    return parse


_PARSERS: dict[Layout, Callable[[SignatureScheme], Parser]] = {
    "plain": _plain,
    "pairs": _pairs,
    "tagged": _tagged,
}


def parser_for(scheme: SignatureScheme) -> Parser:
    """The parser of the scheme's signature header."""
    return _PARSERS[scheme.layout](scheme)
