"""`--filter type=charge.*`: which deliveries are for this machine."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Final

from outworx_otel.cli.forward.local_targets import UsageError
from outworx_otel.cli.forward.tunnelled_request import TunnelledRequest, describe
from outworx_otel.setup.options import unknown_name

_FIELDS: Final = ("type", "path", "provider", "method")


class FilterRules:
    """Rules of the form `field=pattern`. For each field that has rules, one of them must match.

    Raises:
        UsageError: a rule that cannot be used.
    """

    def __init__(self, rules: Iterable[str] = ()) -> None:
        self._patterns: dict[str, list[str]] = {}
        for rule in rules:
            field, sign, pattern = (part.strip() for part in rule.partition("="))
            if field not in _FIELDS:
                raise UsageError(f"--filter: {unknown_name('field', field, _FIELDS)}; e.g. type=charge.*")
            if not sign or not pattern:
                raise UsageError(f"--filter: {rule!r} has no pattern; e.g. {field}=charge.*")
            self._patterns.setdefault(field, []).append(pattern)

    def stops(self, delivery: TunnelledRequest) -> str | None:
        """Returns the rule that a delivery does not meet, None if it should be forwarded."""
        if not self._patterns:
            return None
        described = describe(delivery)
        values = {
            "type": described.event_type,
            "path": delivery.path,
            "provider": described.provider,
            "method": delivery.method,
        }
        for field, patterns in self._patterns.items():
            if not any(fnmatchcase(values[field], pattern) for pattern in patterns):
                return " or ".join(f"{field}={pattern}" for pattern in patterns)
        return None
