"""What has come through so far."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from outworx_otel.cli.forward.tunnelled_request import LocalAnswer, RequestKind

_MAX_PROVIDERS = 50


@dataclass
class StatusCounts:
    """By how deliveries were answered."""

    succeeded: int = 0
    failed: int = 0
    filtered: int = 0
    under_way: int = 0
    providers: Counter[str] = field(default_factory=Counter)

    @property
    def total(self) -> int:
        """All that were answered."""
        return self.succeeded + self.failed + self.filtered

    def add(self, described: RequestKind, answer: LocalAnswer, filtered: bool) -> None:
        """One more."""
        if filtered:
            self.filtered += 1
        elif answer.status < 400:
            self.succeeded += 1
        else:
            self.failed += 1
        if described.provider and len(self.providers) < _MAX_PROVIDERS:
            self.providers[described.provider] += 1

    def __str__(self) -> str:
        parts = [f"{self.total} {'delivery' if self.total == 1 else 'deliveries'}", f"{self.succeeded} ok"]
        parts += [f"{self.failed} failed"] if self.failed else []
        parts += [f"{self.filtered} filtered"] if self.filtered else []
        parts += [f"{self.under_way} under way"] if self.under_way else []
        providers = ", ".join(f"{name} {count}" for name, count in self.providers.most_common(4))
        return "  ".join([*parts, *([providers] if providers else [])])
