"""How an endpoint's deliveries are proved, and by which secret: while one is rotated, there are two."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

MAX_SECRETS: Final = 16
"""Of an endpoint with more than these, uses are not told apart."""

SignatureKind = Literal["verified", "authenticated"]


class SecretUses(msgspec.Struct, frozen=True, array_like=True):
    """When each of an endpoint's secrets matched last; times are Unix nanoseconds.

    Args:
        since_ns: since when there are so many.
        last_ns: of each, in the order in which they are configured; 0 is never.
    """

    since_ns: int
    last_ns: list[int]


class Proof(msgspec.Struct, frozen=True, array_like=True):
    """What the last genuine delivery was proved by.

    Args:
        kind: None where it was not said.
        secrets: None where there is one.
    """

    kind: SignatureKind | None = None
    secrets: SecretUses | None = None


_PLAIN: Final = {kind: msgspec.msgpack.encode(Proof(kind)) for kind in (None, "verified", "authenticated")}


def proof_of(packed: bytes | None) -> Proof:
    """Reads what was kept."""
    return Proof() if packed is None else msgspec.msgpack.decode(packed, type=Proof)


def proof_after(
    packed: bytes | None, kind: SignatureKind | None, secret: tuple[int, int] | None, at_ns: int
) -> bytes:
    """What is to be kept after a genuine delivery, the latest until now.

    Args:
        packed: what was kept before.
        kind: what its signature proves.
        secret: which one matched, and how many there are; None where there is one.
        at_ns: when it came.
    """
    if secret is None:
        return _PLAIN[kind]
    index, count = secret
    known = proof_of(packed).secrets
    if known is None or len(known.last_ns) != count:
        # Another number of them: they are not those of before.
        known = SecretUses(at_ns, [0] * count)
    last_ns = [*known.last_ns]
    last_ns[index] = max(last_ns[index], at_ns)
    return msgspec.msgpack.encode(Proof(kind, SecretUses(known.since_ns, last_ns)))
