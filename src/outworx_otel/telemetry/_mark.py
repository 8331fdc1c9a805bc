"""What a handler says of its own work."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

ProcessingStatus = Literal["completed", "failed", "ignored", "silent_drop", "deferred"]


@dataclass(frozen=True)
class Mark:
    """What a handler said, once."""

    status: ProcessingStatus
    reason: str | None
    metadata: Mapping[str, Any] | None
    at_ns: int
