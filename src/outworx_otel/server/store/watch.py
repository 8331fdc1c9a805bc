"""Keeps endpoints, problems, events and clocks, in the transaction of the deliveries that tell of them."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, select

from outworx_otel.server.problems.clocks import ClockReading, KnownClock, clock_after
from outworx_otel.server.problems.judging import (
    MISMATCHES,
    Arrived,
    Ended,
    EndpointKey,
    Fingerprint,
    Judged,
    Kind,
    judge_process,
)
from outworx_otel.server.store.endpoint_figures import EndpointCounts
from outworx_otel.server.store.endpoints import Endpoints
from outworx_otel.server.store.event_truth import Told, tell
from outworx_otel.server.store.history import HistoryWriter
from outworx_otel.server.store.packing import hashed
from outworx_otel.server.store.places import PageStart
from outworx_otel.server.store.problem_records import ProblemRow, Problems
from outworx_otel.server.store.schema import clocks
from outworx_otel.server.store.statements import insert_rows, replaces

MAX_CLOCKS: Final = 200
_CLOCK_REPLACES: Final = replaces(clocks, "service, environment", keeps=("service", "environment"))
_KINDS: Final = {"accepted": Kind.GOOD}
_at: Final = operator.attrgetter("at_ns")


class _Worked(NamedTuple):
    place: PageStart
    end: Arrived
    problem: int | None


def take(
    connection: Connection,
    mark: str,
    history: HistoryWriter,
    arrived: Sequence[Arrived],
    counts: EndpointCounts,
) -> dict[int, int]:
    """Counts deliveries that are about to be written; the problems of those that belong to one, by their place."""
    found: dict[int, int] = {}
    at_each: dict[EndpointKey, list[int]] = {}
    for place, one in enumerate(arrived):
        if one.judged.kind is not Kind.NOTHING:
            at_each.setdefault(one.judged.endpoint, []).append(place)
    if not at_each:
        return found
    endpoints, problems = _loaded(connection, mark, [one.judged for one in arrived], at_each)
    told: list[Told] = []
    good: list[Arrived] = []
    for key, places in at_each.items():
        endpoint, verdicts = endpoints[key], [arrived[place].judged for place in places]
        if all(one.kind is Kind.GOOD and one.verified for one in verdicts):
            # Where an endpoint has one secret, the latest says all.
            for verdict in verdicts if any(one.secret for one in verdicts) else [max(verdicts, key=_at)]:
                endpoint.proved(verdict)
            times = [one.at_ns for one in verdicts]
            endpoint.good_and_verified(len(times), max(times))
            counts.came_well(endpoint.id, times)
            good += [arrived[place] for place in places]
            continue
        places.sort(key=lambda place: arrived[place].judged.at_ns)
        told += _one_by_one(history, endpoints, problems, arrived, places, found, counts)
        for place in places:
            counts.came(endpoint.id, arrived[place].judged, is_problem=place in found)
    tell(connection, mark, history, endpoints, told, good)
    problems.write()
    endpoints.write()
    return found


def _one_by_one(
    history: HistoryWriter,
    endpoints: Endpoints,
    problems: Problems,
    arrived: Sequence[Arrived],
    places: Sequence[int],
    found: dict[int, int],
    counts: EndpointCounts,
) -> Iterator[Told]:
    """Counts the deliveries of an endpoint in their order."""
    deferred = [arrived[place] for place in places if arrived[place].judged.kind is Kind.DEFERRED]
    ends = _ends_before_their_deliveries(history, deferred)
    for place in places:
        one = arrived[place]
        judged = one.judged
        problem = _counted(endpoints, problems, judged)
        if problem is not None:
            found[place] = problem.id
            is_mismatch = judged.kind is Kind.MISMATCH
            if is_mismatch and endpoints[judged.endpoint].mismatches == MISMATCHES:
                yield from _earlier_mismatches(
                    history, endpoints, problem, arrived, places, found, one, counts
                )
        if problem is not None or judged.kind not in (Kind.BAD, Kind.MISMATCH):
            yield Told(one, problem)
        ended = ends.get(one.linked)
        if ended is not None:
            after = one._replace(judged=_after_work(judged, ended))
            problems.load([after.judged])
            problem = _counted(endpoints, problems, after.judged)
            yield Told(after, problem, is_delivery=False)
            if problem is not None:
                found[place] = problem.id
            elif after.judged.kind is Kind.GOOD:
                counts.ended(endpoints[judged.endpoint].id, judged.at_ns, good=1)


def _earlier_mismatches(
    history: HistoryWriter,
    endpoints: Endpoints,
    problem: ProblemRow,
    arrived: Sequence[Arrived],
    places: Sequence[int],
    found: dict[int, int],
    fifth: Arrived,
    counts: EndpointCounts,
) -> Iterator[Told]:
    """The first four of five in a row belong to the problem that the fifth has made."""
    until_ns = fifth.judged.at_ns
    before = [at for at in places if arrived[at].facet == fifth.facet and at not in found]
    before = [at for at in before if arrived[at].judged.at_ns <= until_ns][1 - MISMATCHES :]
    for at in before:
        found[at] = problem.id
    stored = history.claim(problem.id, fifth, MISMATCHES - 1 - len(before))
    endpoint = endpoints[fifth.judged.endpoint]
    for one, is_delivery in (*((arrived[at], True) for at in before), *((one, False) for one in stored)):
        problem.deliveries += 1
        problem.first_ns = min(problem.first_ns, one.judged.at_ns)
        if one.judged.at_ns > endpoint.good_ns:
            problem.streak += 1
            endpoint.streak += 1
            endpoint.streak_ns = min(endpoint.streak_ns, one.judged.at_ns)
        if not is_delivery:
            counts.ended(endpoint.id, one.judged.at_ns, bad=1)
        yield Told(one, problem, is_delivery)


def take_ends(
    connection: Connection, mark: str, history: HistoryWriter, ends: Sequence[Ended], counts: EndpointCounts
) -> None:
    """Counts how deferred work ended, where its delivery is there; call it once for each span."""
    by_id = {_id_of(end.linked): end for end in ends}
    worked: list[_Worked] = []
    for one in history.deferred(list(by_id)):
        linked = one.trace_id + one.span_id
        if by_id[one.id].linked == linked:
            endpoint = EndpointKey(one.service, one.environment, one.provider, one.route or one.path or "")
            came_ns, known = one.place.time_ns, one.signature_valid
            told_of = (one.event_id, one.id)
            of_delivery = Judged(Kind.DEFERRED, endpoint, came_ns, "deferred", known, False, *told_of)
            judged = _after_work(of_delivery, by_id[one.id])
            end = Arrived(judged, 0, hashed(one.event_id), linked)
            worked.append(_Worked(one.place, end, one.problem))
    if not worked:
        return
    worked.sort(key=lambda one: one.end.judged.at_ns)
    judgements = [one.end.judged for one in worked]
    endpoints, problems = _loaded(connection, mark, judgements, {one.endpoint for one in judgements})
    told: list[Told] = []
    for place, end, before in worked:
        problem = _counted(endpoints, problems, end.judged)
        told.append(Told(end, problem, is_delivery=False))
        # Its work was tried again: it counts once, as it ended last.
        again = before is not None
        counts.ended(
            endpoints[end.judged.endpoint].id,
            place.time_ns,
            good=problem is None,
            bad=(problem is not None) - again,
        )
        if problem is not None:
            history.set_problem(place, problem.id)
    tell(connection, mark, history, endpoints, told)
    problems.write()
    endpoints.write()


def take_clocks(
    connection: Connection, mark: str, readings: Sequence[tuple[tuple[str, str], ClockReading, int]]
) -> dict[tuple[str, str], KnownClock]:
    """Keeps which services' clocks are off; returns what is known of all of them.

    Args:
        readings: service and environment, what was read, and when it arrived.
    """
    there = {(row.service, row.environment): list(row) for row in connection.execute(select(clocks)).all()}
    changed: dict[tuple[str, str], list[Any]] = {}
    for key, reading, arrived_ns in readings:
        row = changed.get(key) or there.get(key)
        known = KnownClock() if row is None else KnownClock(row[2], row[5])
        now = clock_after(known, reading)
        if row is None:
            if (not now.offset_ns and not now.signed_later) or len(there) + len(changed) >= MAX_CLOCKS:
                continue
            row = [*key, 0, arrived_ns, arrived_ns, 0]
        elif not known.offset_ns and now == known:
            continue
        began = arrived_ns if bool(now.offset_ns) != bool(known.offset_ns) else row[3]
        changed[key] = [*key, now.offset_ns, began, arrived_ns, min(now.signed_later, 1000)]
    insert_rows(connection, mark, clocks, [tuple(row) for row in changed.values()], _CLOCK_REPLACES)
    return {key: KnownClock(row[2], row[5]) for key, row in {**there, **changed}.items()}


def known_clocks(connection: Connection) -> dict[tuple[str, str], KnownClock]:
    """What is known of services' clocks, by service and environment."""
    return {
        (row.service, row.environment): KnownClock(row.offset_ns, row.signed_later)
        for row in connection.execute(select(clocks)).all()
    }


def _loaded(
    connection: Connection, mark: str, judged: Sequence[Judged], keys: Collection[EndpointKey]
) -> tuple[Endpoints, Problems]:
    first: dict[EndpointKey, int] = {}
    for one in judged:
        if one.endpoint not in first and one.endpoint in keys:
            first[one.endpoint] = one.at_ns
    endpoints = Endpoints(connection, mark)
    endpoints.load(first)
    problems = Problems(connection, mark, endpoints)
    problems.load(judged)
    return endpoints, problems


def _counted(endpoints: Endpoints, problems: Problems, judged: Judged) -> ProblemRow | None:
    if not endpoints.take(judged) or judged.fingerprint is None:
        return None
    return problems.add(judged, judged.fingerprint)


def _after_work(judged: Judged, ended: Ended) -> Judged:
    """A delivery, as its deferred work has made it."""
    kind = _KINDS.get(ended.outcome, Kind.BAD)
    fingerprint = None
    if kind is Kind.BAD:
        fingerprint = Fingerprint(
            judged.endpoint,
            ended.outcome,
            *("", ended.cause, ended.exception_type, ended.code_function, ended.code_file),
        )
    # By a clock that is slow it may have ended before its delivery came.
    at_ns = max(judged.at_ns, ended.at_ns)
    return judged._replace(
        kind=kind, at_ns=at_ns, outcome=ended.outcome, fingerprint=fingerprint, message=ended.message
    )


def _ends_before_their_deliveries(history: HistoryWriter, deferred: Sequence[Arrived]) -> dict[str, Ended]:
    """How deferred work ended whose delivery comes only now."""
    found: dict[str, Ended] = {}
    if deferred:
        for span in history.ends([one.linked for one in deferred]):
            ended = judge_process(span)
            if ended is not None:
                found[ended.linked] = ended
    return found


def new_ends(history: HistoryWriter, ends: Sequence[tuple[str, str, Ended]]) -> list[Ended]:
    """Those whose span (trace id, span id) is not kept yet."""
    if not ends:
        return []
    there = history.spans_of(sorted({trace for trace, _, _ in ends}))
    fresh: dict[tuple[str, str], Ended] = {}
    for trace, span, ended in ends:
        if span not in there.get(trace, ()):
            fresh[trace, span] = ended
    return list(fresh.values())


def _id_of(linked: str) -> str:
    """The id of the delivery that a `process` span is linked to."""
    return linked[16:]
