"""A stored request, and the error for one that cannot be sent again."""

from __future__ import annotations

import dataclasses

from outworx_otel.errors import OutworxError

Pairs = tuple[tuple[str, str], ...]
"""Header names and values in their order, repeats kept."""


class ReplayError(OutworxError):
    """A delivery that cannot be read, or an answer that could not be had; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class StoredRequest:
    """A webhook request that was received once.

    Args:
        provider: who sent it; "" where nobody knows.
        method: as it came.
        path: percent-encoded, as it came.
        query: what stood after the `?`, "" for nothing.
        headers: as they came, without what was redacted.
        body: the exact bytes.
    """

    provider: str
    method: str
    path: str
    query: str
    headers: Pairs
    body: bytes = dataclasses.field(repr=False)

    def header(self, name: str) -> str | None:
        """The first value of a header, by its name in lower case."""
        return next((value for key, value in self.headers if key.lower() == name), None)
