"""Takes the texts that columns have out of a delivery's detail, and puts them back.

Ids and keys are random: written twice they are half of what a compressed delivery takes. Where one stood, there is a
mark and its number. The mark is a byte that no UTF-8 text has; where the detail itself has it, a zero follows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

_MARK: Final = b"\xc1"
_MARKED: Final = re.compile(rb"\xc1(.)", re.DOTALL)
_SHORTEST: Final = 8
_HEX_KEY: Final = re.compile(r"[0-9a-f]{64}")

TOLD_BY: Final = ("id", "id_text", "trace_head", "event_id", "idempotency_key")
"""The columns that have them, in the order in which they are given."""


def without_told(detail: bytes, *told: Any) -> bytes:
    """A detail without what the columns of `TOLD_BY` have."""
    made = detail.replace(_MARK, _MARK + b"\0")
    for number, text in enumerate(_texts(*told), 1):
        # In any other a mark's number could be taken for a part of it.
        if len(text) >= _SHORTEST and text.isprintable():
            made = made.replace(text.encode(), _MARK + bytes((number,)))
    return made


def whole(detail: bytes, *told: Any) -> bytes:
    """Reverses `without_told`."""
    if _MARK not in detail:
        return detail
    by_number = (_MARK, *(text.encode() for text in _texts(*told)))
    return _MARKED.sub(lambda mark: by_number[mark[1][0]], detail)


def key_of(key: str) -> bytes:
    """What an idempotency key is kept as: most are 64 hexadecimal digits. No text begins with a NUL."""
    return b"\0" + bytes.fromhex(key) if _HEX_KEY.fullmatch(key) else key.encode()


def _texts(id: bytes, id_text: str, trace_head: bytes, event_id: str, key: bytes) -> Sequence[str]:
    """The longest come first: parts of them are others."""
    told = id_text or id.hex()
    return (
        key[1:].hex() if key[:1] == b"\0" else key.decode(),
        told,
        trace_head.hex() + told[:16] if trace_head else "",
        told[16:] if trace_head else "",
        event_id,
    )
