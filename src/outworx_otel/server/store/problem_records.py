"""What the writer keeps of each problem, in the transaction of the deliveries that belong to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from sqlalchemy import Connection, func, select, update

from outworx_otel.server.problems.judging import Fingerprint, Judged, Kind
from outworx_otel.server.store.endpoints import OTHER, EndpointRecord, Endpoints
from outworx_otel.server.store.schema import problems
from outworx_otel.server.store.statements import insert_rows, replaces, select_among
from outworx_otel.server.store.tallies import PROBLEM_NUMBER, set_tally, tally

MAX_PROBLEMS: Final = 2000
"""Of all endpoints; what comes beyond is one problem for each outcome."""

MAX_OF_AN_ENDPOINT: Final = 100
"""What comes beyond is one problem for each outcome of it."""

TOO_MANY: Final = "_OTHER"


class ProblemRow(msgspec.Struct):
    """A row of `problems`, in the order of its columns."""

    id: int
    digest: bytes
    endpoint: int
    overflow: bool
    service: str
    environment: str
    provider: str
    route: str
    outcome: str
    reason: str
    cause: str
    exception_type: str
    code_function: str
    code_file: str
    version: str
    message: str
    last_delivery: str
    state: str
    state_ns: int
    reopened: int
    first_ns: int
    last_ns: int
    deliveries: int
    events: int
    streak: int
    round: int


_REPLACES: Final = replaces(problems, "id")
_BY_DIGEST: Final = f"SELECT {', '.join(ProblemRow.__struct_fields__)} FROM problems WHERE digest IN ({{}})"  # noqa: S608


class Problems:
    """The problems of one transaction."""

    def __init__(self, connection: Connection, mark: str, endpoints: Endpoints) -> None:
        self._connection = connection
        self._mark = mark
        self._endpoints = endpoints
        self._by_digest: dict[bytes, ProblemRow] = {}
        self._counts: dict[int, int] | None = None
        self._number = 0

    def load(self, judged: Iterable[Judged]) -> None:
        """Reads those that there are."""
        found = {one.fingerprint for one in judged if one.fingerprint is not None}
        self._load(found)

    def _load(self, fingerprints: Iterable[Fingerprint]) -> None:
        digests = {one.digest for one in fingerprints} - self._by_digest.keys()
        for row in select_among(self._connection, self._mark, _BY_DIGEST, list(digests)):
            self._by_digest[row[1]] = ProblemRow(*row)

    def add(self, judged: Judged, fingerprint: Fingerprint) -> ProblemRow:
        """Counts a delivery, whose endpoint has counted it already."""
        endpoint = self._endpoints[judged.endpoint]
        problem = self._by_digest.get(fingerprint.digest)
        if problem is None:
            problem = self._by_digest[fingerprint.digest] = self._new(judged, fingerprint, endpoint)
        at_ns = judged.at_ns
        if problem.state == "resolved" and at_ns >= problem.state_ns:
            problem.state, problem.state_ns = "open", at_ns
            problem.reopened += 1
            problem.version = judged.version or problem.version
        problem.deliveries += 1
        problem.first_ns = min(problem.first_ns, at_ns)
        if problem.round != endpoint.round:
            problem.streak, problem.round = 0, endpoint.round
        if at_ns > endpoint.good_ns and judged.kind is not Kind.UNPROTECTED:
            problem.streak += 1
        if at_ns >= problem.last_ns:
            problem.last_ns, problem.last_delivery = at_ns, judged.delivery
            problem.message = judged.message or problem.message
        return problem

    def write(self) -> None:
        """Writes back what was counted."""
        rows = [
            msgspec.structs.astuple(problem)
            for problem in {p.id: p for p in self._by_digest.values()}.values()
        ]
        if self._number:
            set_tally(self._connection, PROBLEM_NUMBER, self._number)
        insert_rows(self._connection, self._mark, problems, rows, _REPLACES)

    def _new(self, judged: Judged, fingerprint: Fingerprint, endpoint: EndpointRecord) -> ProblemRow:
        if self._counts is None:
            p = problems.c
            counted = select(p.endpoint, func.count()).group_by(p.endpoint)
            self._counts = {row[0]: row[1] for row in self._connection.execute(counted).all()}
            self._number = tally(self._connection, PROBLEM_NUMBER)
        overflow = False
        if sum(self._counts.values()) >= MAX_PROBLEMS:
            fingerprint, overflow = Fingerprint(OTHER, fingerprint.outcome, reason=TOO_MANY), True
        elif self._counts.get(endpoint.id, 0) >= MAX_OF_AN_ENDPOINT:
            fingerprint, overflow = Fingerprint(endpoint.key, fingerprint.outcome, reason=TOO_MANY), True
        if overflow:
            self._load([fingerprint])
            stored = self._by_digest.get(fingerprint.digest)
            if stored is not None:
                return stored
        self._counts[endpoint.id] = self._counts.get(endpoint.id, 0) + 1
        self._number += 1
        return ProblemRow(
            *(
                self._number,
                fingerprint.digest,
                endpoint.id,
                overflow,
                *fingerprint.endpoint,
                *fingerprint[1:],
            ),
            *(judged.version, judged.message, judged.delivery, "open", judged.at_ns, 0),
            *(judged.at_ns, judged.at_ns, 0, 0, 0, endpoint.round),
        )


def change_state(connection: Connection, id: int, state: str, now_ns: int) -> None:
    """Sets a problem's state, from now on, unless it has that already."""
    p = problems.c
    changed = update(problems).where(p.id == id, p.state != state)
    connection.execute(changed.values(state=state, state_ns=now_ns))
