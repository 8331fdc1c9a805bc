"""What a rule finds at one look: an alert that is not kept yet."""

from __future__ import annotations

import msgspec

from outworx_otel.server.problems.alert import Rule


class RuleFinding(msgspec.Struct, frozen=True, kw_only=True):
    """See `Alert`, whose fields these are.

    Args:
        is_told: whether it may raise an alert or tell of it anew; else it only keeps one from ending.
    """

    rule: Rule
    subject: str
    headline: str
    what: str
    where: str
    advice: str
    since_ns: int
    count: int
    service: str = ""
    environment: str = ""
    provider: str = ""
    route: str = ""
    problem_id: int | None = None
    is_told: bool = True
