"""Secrets as they are configured: one or several, of this endpoint or of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from outworx_otel.signatures.scheme import SignatureScheme

Secret = str | bytes
Secrets = Secret | Sequence[Secret]


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
    for prefix, row in scheme.alternatives:
        if isinstance(text, str) and text.strip().startswith(prefix):
            return row
    return scheme
