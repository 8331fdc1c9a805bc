"""The rules: each looks at one moment of the store and says what it finds."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any, Final

from outworx_otel.server.formatting import span
from outworx_otel.server.problems.alert import Rule
from outworx_otel.server.problems.finding import RuleFinding
from outworx_otel.server.problems.snapshot import Snapshot, Waiting
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.retries import schedule_of
from outworx_otel.server.rule_settings import RuleSettings

_SECOND: Final = 10**9
_UNPROTECTED_FOR_NS: Final = 900 * _SECOND
_REPLAY: Final = "Replay what is unhandled, once its problem is mended."


def found(snapshot: Snapshot, settings: RuleSettings) -> list[RuleFinding]:
    """What every rule that is on finds; silence has a file of its own."""
    return [
        finding
        for rule, look in _RULES.items()
        if rule not in settings.off
        for finding in look(snapshot, settings)
    ]


def where(endpoint: Any) -> str:
    """A service, environment, provider and route in words."""
    service = f"{endpoint.service or 'unnamed service'}"
    if endpoint.environment:
        service += f" ({endpoint.environment})"
    return f"{service}, {endpoint.provider} {endpoint.route or '(no route)'}"


def of_endpoint(endpoint: Any) -> dict[str, Any]:
    """The fields of a finding that say where."""
    return {
        "where": where(endpoint),
        "service": endpoint.service,
        "environment": endpoint.environment,
        "provider": endpoint.provider,
        "route": endpoint.route,
    }


def clock_time(time_ns: int) -> str:
    """UTC, to the minute."""
    at = datetime.datetime.fromtimestamp(time_ns // _SECOND, datetime.timezone.utc)
    return at.strftime("%Y-%m-%d %H:%M UTC")


def _problems(snapshot: Snapshot, settings: RuleSettings) -> Iterator[RuleFinding]:
    for problem in snapshot.problems:
        if problem.outcome == "unprotected":  # a rule of its own
            continue
        again = f", again (it was resolved {problem.reopened} times)" if problem.reopened else ""
        parts = [f"{problem.happening}{again}: {problem.deliveries} deliveries of {problem.events} events"]
        parts.append(f"since {clock_time(problem.state_ns if problem.reopened else problem.first_ns)}")
        if problem.version:
            parts.append(f"with version {problem.version}")
        if problem.message:
            parts.append(f"last: {problem.message}")
        until_ns, schedule = problem.retries_until_ns, schedule_of(problem.provider)
        if until_ns is not None and schedule is not None:
            stops = "stops" if until_ns > snapshot.now_ns else "stopped"
            parts.append(
                f"{schedule.title} {stops} sending the first again at {clock_time(until_ns)} at the latest"
            )
        yield RuleFinding(
            rule="problem",
            subject=f"problem:{problem.id}",
            headline=problem.headline,
            what="; ".join(parts),
            advice=problem.advice,
            since_ns=problem.state_ns if problem.reopened else problem.first_ns,
            count=problem.deliveries,
            problem_id=problem.id,
            # What somebody has taken on is told once more only when it is over.
            is_told=problem.state == "open" and problem.deliveries >= settings.problem_deliveries,
            **of_endpoint(problem),
        )


def _streaks(snapshot: Snapshot, settings: RuleSettings) -> Iterator[RuleFinding]:
    for endpoint in snapshot.hour.endpoints:
        since_ns = endpoint.streak_since_ns
        if since_ns is None or endpoint.streak < settings.streak_deliveries:
            continue
        good = endpoint.last_good_ns
        last_good = "none was ever good" if good is None else f"the last good one at {clock_time(good)}"
        yield RuleFinding(
            rule="streak",
            subject=f"streak:{endpoint.id}",
            headline=f"{endpoint.provider} {endpoint.route}: the last {endpoint.streak} all failed",
            what=f"{endpoint.streak} of {endpoint.streak} failed since {clock_time(since_ns)}, {last_good}",
            advice="Look at the open problems of this endpoint.",
            since_ns=since_ns,
            count=endpoint.streak,
            **of_endpoint(endpoint),
        )


def _shares(snapshot: Snapshot, settings: RuleSettings) -> Iterator[RuleFinding]:
    usual = {one.id: one.success_rate for one in snapshot.week.endpoints}
    for endpoint in snapshot.hour.endpoints:
        rate = endpoint.success_rate
        if rate is None or endpoint.failures < settings.share_least:
            continue
        failing, before = 1 - rate, 1 - (usual.get(endpoint.id) or 1.0)
        if failing < before + settings.share_above:
            continue
        yield RuleFinding(
            rule="failure_share",
            subject=f"failure_share:{endpoint.id}",
            headline=f"{endpoint.provider} {endpoint.route}: {failing:.0%} fail, usually {before:.0%}",
            what=f"within the last hour {endpoint.failures} failed, that is {failing:.0%};"
            f" in the week before {before:.0%}",
            advice="Look at the open problems of this endpoint.",
            since_ns=snapshot.hour.since_ns,
            count=endpoint.failures,
            **of_endpoint(endpoint),
        )


def _unverified(snapshot: Snapshot, settings: RuleSettings) -> Iterator[RuleFinding]:
    for endpoint in snapshot.hour.endpoints:
        # Where nothing was ever verified that is a choice, which the page shows.
        if endpoint.verified is not False or not settings.unverified_deliveries <= endpoint.unverified:
            continue
        if not endpoint.verified_before:
            continue
        yield RuleFinding(
            rule="unverified",
            subject=f"unverified:{endpoint.id}",
            headline=f"{endpoint.provider} {endpoint.route}: deliveries run without verification",
            what=f"{endpoint.unverified} deliveries ran with no signature checked, where all were verified before",
            advice="Anyone can call it now: give the endpoint its secret again.",
            since_ns=snapshot.now_ns,
            count=endpoint.unverified,
            **of_endpoint(endpoint),
        )


def _old_secrets(snapshot: Snapshot, settings: RuleSettings) -> Iterator[RuleFinding]:
    for endpoint in snapshot.hour.endpoints:
        uses = endpoint.proof.secrets
        if uses is None:
            continue
        last_ns = max(uses.last_ns[1:])
        number = uses.last_ns.index(last_ns, 1) + 1
        after_ns = int(settings.old_secret_after * _SECOND)
        # Used although there was time to change it, and not long ago.
        if last_ns < max(uses.since_ns, snapshot.now_ns - 2 * after_ns) + after_ns:
            continue
        never = "" if uses.last_ns[0] else "; the first one has never matched"
        yield RuleFinding(
            rule="old_secret",
            subject=f"old_secret:{endpoint.id}",
            headline=f"{endpoint.provider} {endpoint.route}: its old secret is still in use",
            what=f"of {len(uses.last_ns)} secrets, which are there since {clock_time(uses.since_ns)}, number {number}"
            f" matched last at {clock_time(last_ns)}{never}",
            advice="Set the first secret at the provider, and leave the others out once nothing is signed with them.",
            since_ns=uses.since_ns,
            count=1,
            **of_endpoint(endpoint),
        )


def _unprotected(snapshot: Snapshot, _: RuleSettings) -> Iterator[RuleFinding]:
    for problem in snapshot.problems:
        goes_on = problem.last_ns >= snapshot.now_ns - _UNPROTECTED_FOR_NS
        if problem.outcome == "unprotected" and goes_on:
            yield RuleFinding(
                rule="unprotected",
                subject=f"unprotected:{problem.id}",
                headline=problem.headline,
                what=f"{problem.deliveries} deliveries ran without a claim since {clock_time(problem.first_ns)}",
                advice=problem.advice,
                since_ns=problem.first_ns,
                count=problem.deliveries,
                problem_id=problem.id,
                is_told=problem.state == "open",
                **of_endpoint(problem),
            )


def _clocks(snapshot: Snapshot, settings: RuleSettings) -> Iterator[RuleFinding]:
    for clock in snapshot.hour.clocks:
        seconds = abs(clock.offset_ns) // _SECOND
        if seconds < settings.clock_seconds:
            continue
        direction = "fast" if clock.offset_ns > 0 else "slow"
        service = (
            f"{clock.service or 'unnamed service'}{f' ({clock.environment})' if clock.environment else ''}"
        )
        yield RuleFinding(
            rule="clock",
            subject=f"clock:{clock.service}:{clock.environment}",
            headline=f"{clock.service}: its clock is {seconds} s {direction}",
            what=f"the clock of {service} is at least {seconds} s {direction} since {clock_time(clock.since_ns)}",
            where=service,
            advice="Set the machine's clock (NTP): signed timestamps are judged by it.",
            since_ns=clock.since_ns,
            count=1,
            service=clock.service,
            environment=clock.environment,
        )


def _unhandled(snapshot: Snapshot, _: RuleSettings) -> Iterator[RuleFinding]:
    by_id = {one.id: one for one in snapshot.hour.endpoints}
    for waiting in snapshot.waiting:
        endpoint = by_id.get(waiting.endpoint)
        if endpoint is not None:
            yield RuleFinding(
                rule="unhandled_events",
                subject=f"unhandled_events:{endpoint.id}",
                headline=f"{endpoint.provider} {endpoint.route}: {waiting.events} events were never handled",
                what=f"{waiting.events} events are unhandled for more than {span(waiting.after)}, the first since"
                f" {clock_time(waiting.first_ns)}: {_hardly_again(endpoint.provider, waiting)}",
                advice=_REPLAY,
                since_ns=waiting.first_ns,
                count=waiting.events,
                **of_endpoint(endpoint),
            )


def _hardly_again(provider: str, waiting: Waiting) -> str:
    schedule = schedule_of(provider)
    if schedule is None:
        return "the provider will hardly send them again"
    if schedule.after > waiting.after:
        return f"{schedule.title} stops sending it again at {clock_time(schedule.until_ns(waiting.first_ns))}"
    return f"{schedule.title} {schedule.words} ({schedule.source}), so it has stopped"


_RULES: Final[dict[Rule, Callable[[Snapshot, RuleSettings], Iterator[RuleFinding]]]] = {
    "problem": _problems,
    "streak": _streaks,
    "failure_share": _shares,
    "unverified": _unverified,
    "old_secret": _old_secrets,
    "unprotected": _unprotected,
    "clock": _clocks,
    "unhandled_events": _unhandled,
}


def silence_finding(endpoint: EndpointState, since_ns: int, now_ns: int, usual: str) -> RuleFinding:
    """That an endpoint hears nothing any more."""
    minutes = (now_ns - since_ns) // (60 * _SECOND)
    return RuleFinding(
        rule="silence",
        subject=f"silence:{endpoint.id}",
        headline=f"{endpoint.provider} {endpoint.route}: nothing has come since {clock_time(since_ns)}",
        what=f"no delivery for {minutes} minutes; {usual}",
        advice="Look at the provider's page whether it still sends, and to which URL.",
        since_ns=since_ns,
        count=1,
        **of_endpoint(endpoint),
    )
