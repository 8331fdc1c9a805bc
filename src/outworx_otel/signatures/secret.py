"""Secrets as they are configured: one or several, of this endpoint or of another."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from outworx_otel.signatures.scheme import SignatureScheme

Secret = str | bytes
Secrets = Secret | Sequence[Secret]


# A space tells `X-Hook-Token: value` from `user:password`; what has an empty part is left to the key to refuse.
_OWN_HEADER = re.compile(r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]*):(?:\s.*)?", re.DOTALL)


class KnownSecret(NamedTuple):
    """A secret of another configured endpoint, with the words that name the endpoint in a hint."""

    label: str
    provider: str
    secret: Secrets


def split_secrets(secret: Secrets) -> tuple[Secret, ...]:
    """One secret or several, as a tuple.

    Raises:
        TypeError: It is of another type. The keys of a mapping would be secrets that anybody can guess.
    """
    if isinstance(secret, Mapping):
        raise TypeError("a secret must be str, bytes or several of them, not a mapping")
    return (secret,) if isinstance(secret, (str, bytes)) else tuple(secret or ())


def row_for_secret(scheme: SignatureScheme, secret: Secret) -> SignatureScheme:
    """The row that this secret belongs to: some providers have two schemes, told apart by the secret."""
    text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
    if not isinstance(text, str):
        return scheme
    for prefix, row in scheme.alternatives:
        if text.strip().startswith(prefix):
            return row
    named = _OWN_HEADER.fullmatch(text) if scheme.own_header else None
    if named is None and not (scheme.own_header and not scheme.signature_header):
        return scheme
    return _of_header(scheme, named[1] if named is not None else "")


def _of_header(scheme: SignatureScheme, name: str) -> SignatureScheme:
    """The row of a token in a header that the user chose; with no name its key says what is wrong."""
    return replace(
        scheme,
        signature_header=name or scheme.signature_header,
        layout="plain",
        prefix="",
        encoding="text",
        key="header-value",
    )
