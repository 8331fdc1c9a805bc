"""A problem as JSON."""

from __future__ import annotations

from typing import Annotated

import msgspec

from outworx_otel.server.described import Time, Whole, says
from outworx_otel.server.documents import iso_time, iso_time_if_any
from outworx_otel.server.problems.problem import Problem, ProblemPage, State


class ProblemDocument(msgspec.Struct, frozen=True, kw_only=True):
    """What goes wrong in one way at one place."""

    id: int
    state: State
    state_since: Time
    reopened: Annotated[Whole, says("How often it came again after it was resolved.")]
    service: str
    provider: str
    outcome: str
    environment: str | None
    route: Annotated[str | None, says("Where nothing serves the path, the path.")]
    reason: str | None
    cause: str | None
    exception_type: str | None
    code_function: str | None
    code_file: str | None
    version: Annotated[str | None, says("`service.version` that it began with, or began again with.")]
    message: Annotated[
        str | None, says("What was said last, by the handler, the exception or the diagnosis.")
    ]
    last_delivery: Annotated[str | None, says("The id of its last delivery.")]
    first_seen: Time
    last_seen: Time
    last_good: Annotated[Time | None, says("The last good delivery of its endpoint.")]
    streak: Annotated[Whole, says("Its deliveries since the last good one.")]
    deliveries: Whole
    events: Annotated[Whole, says("Different ones that its deliveries were of.")]
    unhandled_events: Whole
    retries_until: Annotated[
        Time | None,
        says(
            "When the provider stops sending the first of these again, at the latest, by its documentation."
        ),
    ]
    headline: Annotated[str, says("What happens, in one line.")]
    advice: Annotated[str, says("What to do.")]


class ProblemsDocument(msgspec.Struct, frozen=True):
    """Those first that came last."""

    problems: list[ProblemDocument]
    next_cursor: str | None


def problems_document(page: ProblemPage) -> ProblemsDocument:
    """A page of problems as JSON."""
    return ProblemsDocument([problem_document(problem) for problem in page.problems], page.next_cursor)


def problem_document(problem: Problem) -> ProblemDocument:
    """A problem as JSON."""
    return ProblemDocument(
        id=problem.id,
        state=problem.state,
        state_since=iso_time(problem.state_ns),
        reopened=problem.reopened,
        service=problem.service,
        provider=problem.provider,
        outcome=problem.outcome,
        environment=problem.environment or None,
        route=problem.route or None,
        reason=problem.reason or None,
        cause=problem.cause or None,
        exception_type=problem.exception_type or None,
        code_function=problem.code_function or None,
        code_file=problem.code_file or None,
        version=problem.version or None,
        message=problem.message or None,
        last_delivery=problem.last_delivery or None,
        first_seen=iso_time(problem.first_ns),
        last_seen=iso_time(problem.last_ns),
        last_good=iso_time_if_any(problem.last_good_ns),
        streak=problem.streak,
        deliveries=problem.deliveries,
        events=problem.events,
        unhandled_events=problem.unhandled_events,
        retries_until=iso_time_if_any(problem.retries_until_ns),
        headline=problem.headline,
        advice=problem.advice,
    )
