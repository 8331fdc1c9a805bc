"""Deliveries whose signatures are the vendors', not ours: `<provider>.json` has a list of them.

`how` says what makes one theirs: `published` (the vendor's documentation or its own tests print it), `signed` (the
vendor's own code made it: `source` says which) or `accepted` (we signed it; the vendor's own code took it, and
refused it with another body).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

FOLDER = Path(__file__).parent


class Vector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One such delivery; `other_body` is what must not pass, where it is not enough to add a space.

    `published` is what its provider publishes, by address; `authority` has signed the certificates in it, where the
    public ones have not.
    """

    how: str
    source: str
    secret: str
    body: str
    headers: dict[str, str]
    url: str | None = None
    method: str = "POST"
    now: float = 1_790_000_000
    other_body: str | None = None
    published: dict[str, str] = msgspec.field(default_factory=dict)
    authority: str | None = None


def vectors() -> dict[str, list[Vector]]:
    """By provider, those that have a file here."""
    return {
        path.stem: msgspec.json.decode(path.read_bytes(), type=list[Vector])
        for path in sorted(FOLDER.glob("*.json"))
    }
