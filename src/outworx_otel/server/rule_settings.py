"""The rules' thresholds, as the server's TOML gives them: `[alerts]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup.options import unknown_name

Rule = Literal[
    "problem",
    "streak",
    "failure_share",
    "unverified",
    "old_secret",
    "unprotected",
    "clock",
    "unhandled_events",
    "silence",
]
"""What was looked for.

problem: a new problem, or one that came again after it was resolved.
streak: every one of an endpoint's last deliveries failed.
failure_share: far more of an endpoint's deliveries fail than usually do.
unverified: an endpoint lets deliveries in without a verified signature, though it used to verify.
old_secret: a secret that was to be rotated out is still in use.
unprotected: deliveries run without their idempotency key: the store is away, or `track.once()` is not called.
clock: a service's clock is off.
unhandled_events: events are unhandled for longer than the provider tries again.
silence: an endpoint has heard nothing for far longer than usual.
"""

RULES: Final[tuple[Rule, ...]] = (
    "problem",
    "streak",
    "failure_share",
    "unverified",
    "old_secret",
    "unprotected",
    "clock",
    "unhandled_events",
    "silence",
)

_DURATION: Final = re.compile(r"(\d{1,9}(?:\.\d{1,3})?) ?(s|m|h|d|w)", re.ASCII)
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True)
class Expected:
    """That an endpoint is called at least every so many seconds. What is empty fits every endpoint."""

    every: float
    service: str = ""
    environment: str = ""
    provider: str = ""
    route: str = ""

    def fits(self, endpoint: Any) -> bool:
        """Whether it is about an endpoint."""
        wanted = (self.service, self.environment, self.provider, self.route)
        found = (endpoint.service, endpoint.environment, endpoint.provider, endpoint.route)
        return all(not one or one == other for one, other in zip(wanted, found, strict=True))


@dataclass(frozen=True)
class RuleSettings:
    """When the rules speak; times are seconds.

    Args:
        off: rules that never do.
        problem_deliveries: of a problem, before it is told.
        streak_deliveries: failures in a row, with none that went well.
        share_least: failures within an hour, at least; and of an hour's deliveries this share above the usual one.
        share_above: see `share_least`.
        unverified_deliveries: that ran without verification at an endpoint which used to verify.
        old_secret_after: that an endpoint has several secrets, before it is told that another than the first is used.
        clock_seconds: that a clock may be off.
        unhandled_after: how long every provider is taken to try again; None is as each one's documentation says,
            and a day where that says nothing.
        expected: endpoints whose rhythm is given.
    """

    off: frozenset[Rule] = frozenset()
    problem_deliveries: int = 1
    streak_deliveries: int = 10
    share_least: int = 10
    share_above: float = 0.2
    unverified_deliveries: int = 5
    old_secret_after: float = 7 * 86_400.0
    clock_seconds: float = 30.0
    unhandled_after: float | None = None
    expected: tuple[Expected, ...] = field(default=())


_NUMBERS: Final[dict[Rule, dict[str, str]]] = {
    "problem": {"deliveries": "problem_deliveries"},
    "streak": {"deliveries": "streak_deliveries"},
    "failure_share": {"deliveries": "share_least", "above": "share_above"},
    "unverified": {"deliveries": "unverified_deliveries"},
    "old_secret": {"after": "old_secret_after"},
    "unprotected": {},
    "clock": {"off_by": "clock_seconds"},
    "unhandled_events": {"after": "unhandled_after"},
    "silence": {},
}
_DURATIONS: Final = frozenset({"clock_seconds", "old_secret_after", "unhandled_after"})
_PLACES: Final = tuple(one.name for one in fields(Expected) if one.name != "every")


def rule_settings(alerts: Mapping[str, Any]) -> RuleSettings:
    """Returns the settings of the table `[alerts]`: for each rule `false`, or a table with its thresholds.

    Raises:
        ConfigurationError: what cannot be used, by its name.
    """
    off: set[Rule] = set()
    given: dict[str, Any] = {}
    for name, value in alerts.items():
        rule = next((one for one in RULES if one == name), None)
        if rule is None:
            raise ConfigurationError(f"[alerts]: {unknown_name('rule', name, RULES)}")
        if isinstance(value, bool):
            off |= set() if value else {rule}
        elif not isinstance(value, Mapping):
            raise ConfigurationError(f"[alerts]: {name} must be false, or a table such as [alerts.{name}]")
        else:
            given |= _of_rule(rule, value)
    return RuleSettings(off=frozenset(off), **given)


def _of_rule(rule: Rule, table: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in table.items():
        where = f"[alerts.{rule}]: {name}"
        if rule == "silence" and name == "expect":
            found["expected"] = _expected(value)
        elif name not in _NUMBERS[rule]:
            known = [*_NUMBERS[rule], *(["expect"] if rule == "silence" else [])]
            raise ConfigurationError(f"[alerts.{rule}]: {unknown_name('setting', name, known)}")
        elif (setting := _NUMBERS[rule][name]) in _DURATIONS:
            found[setting] = _duration(where, value)
        elif setting == "share_above":
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1:
                raise ConfigurationError(f"{where} must be a number from 0 to 1, such as 0.2")
            found[setting] = float(value)
        elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise ConfigurationError(f"{where} must be a whole number from 1")
        else:
            found[setting] = value
    return found


def _expected(tables: Any) -> tuple[Expected, ...]:
    where = "[[alerts.silence.expect]]"
    if not isinstance(tables, list) or not all(isinstance(one, Mapping) for one in tables):
        raise ConfigurationError(f'{where} must be tables, each with every = "1h" and the endpoint')
    found = []
    for table in tables:
        for name, value in table.items():
            if name not in ("every", *_PLACES):
                raise ConfigurationError(f"{where}: {unknown_name('setting', name, ['every', *_PLACES])}")
            if name != "every" and not isinstance(value, str):
                raise ConfigurationError(f"{where}: {name} must be text")
        if "every" not in table or len(table) < 2:
            raise ConfigurationError(f'{where} needs every = "1h" and at least one of {", ".join(_PLACES)}')
        texts = {name: table[name] for name in _PLACES if name in table}
        found.append(Expected(_duration(f"{where}: every", table["every"]), **texts))
    return tuple(found)


def _duration(where: str, value: Any) -> float:
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    seconds = 0.0 if found is None else float(found[1]) * _SECONDS[found[2]]
    if seconds <= 0:
        raise ConfigurationError(f'{where} must be so long: "30s", "1h", "2d"')
    return seconds
