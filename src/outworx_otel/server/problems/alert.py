"""An alert: what a rule found, as it is kept, shown and sent."""

from __future__ import annotations

from typing import Literal

import msgspec

from outworx_otel.server.rule_settings import RULES, Rule

__all__ = ["RULES", "Alert", "Rule"]


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One finding of a rule, from when it was raised until it ended. A row of the table `alerts`.

    It asks to be told `notices` times: once when it is raised, again whenever it has grown tenfold, and once when it
    ends. Whoever sends remembers how many notices of each alert it has sent, and sends the present state where that
    is fewer. Of a subject one alert at most is raised at a time, and one in an hour.

    Args:
        id: ascending, never given twice.
        rule: what was looked for.
        state: `raised` until what was found is over, then `ended`.
        subject: what it is about, such as `problem:7` or `silence:3`; the same for every alert about it.
        headline: what happened, in one line: "stripe /webhooks/stripe: signature does not fit".
        what: what happened, in a sentence or two.
        where: service, environment, provider and route, in words.
        advice: what to do.
        since_ns: when it began, in Unix nanoseconds.
        count: how many deliveries, events or seconds it is about, up to now.
        problem_id: the problem, where it is about one.
        raised_ns: when it was found.
        changed_ns: when it was last told anew, or ended.
        ended_ns: when it was over; None while it goes on.
        notices: how often it asks to be told, up to now.
    """

    id: int
    rule: Rule
    state: Literal["raised", "ended"]
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
    raised_ns: int
    changed_ns: int
    ended_ns: int | None = None
    notices: int = 1
