"""How each endpoint does at present: kept by the writer, in the transaction of the deliveries that say so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, func, select

from outworx_otel.server.problems.judging import MISMATCHES, EndpointKey, Judged, Kind, digest_of
from outworx_otel.server.proof import proof_after
from outworx_otel.server.store.schema import endpoints
from outworx_otel.server.store.statements import insert_rows, replaces, select_among

MAX_ENDPOINTS: Final = 1000
"""What comes beyond is filed under `_OTHER`."""

GOOD_IN_A_ROW: Final = 10
"""So many resolve the problems of their endpoint."""

OTHER: Final = EndpointKey("_OTHER", "_OTHER", "_OTHER", "_OTHER")
_RAN: Final = frozenset({Kind.GOOD, Kind.UNPROTECTED, Kind.DEFERRED})


class EndpointRecord(msgspec.Struct):
    """A row of `endpoints`, in the order of its columns."""

    id: int
    digest: bytes
    service: str
    environment: str
    provider: str
    route: str
    first_ns: int
    seen_ns: int = 0
    good_ns: int = 0
    verified_ns: int = 0
    unverified_ns: int = 0
    unverified: int = 0
    streak: int = 0
    streak_ns: int = 0
    good_row: int = 0
    round: int = 0
    mismatches: int = 0
    rhythm: bytes | None = None
    learnt_ns: int = 0
    silent_ns: int | None = None
    heard_ns: int = 0
    proof: bytes | None = None

    @property
    def key(self) -> EndpointKey:
        """What it is told apart by."""
        return EndpointKey(self.service, self.environment, self.provider, self.route)

    @property
    def is_verified(self) -> bool | None:
        """Whether it verifies its deliveries; None where none has run yet."""
        if not self.verified_ns and not self.unverified_ns:
            return None
        return self.verified_ns >= self.unverified_ns

    def take(self, judged: Judged) -> bool:
        """Counts one delivery; whether it belongs to its problem."""
        kind, at_ns = judged.kind, judged.at_ns
        if kind is Kind.MISMATCH:
            self.mismatches += 1
            is_bad = self.verified_ns > 0 and self.mismatches >= MISMATCHES
        else:
            # A stranger's request that only looks like a webhook may be refused as often as it likes.
            is_unused = judged.guessed and judged.outcome == "refused" and not self.good_ns
            is_bad = kind is Kind.BAD and not is_unused
            if is_unused:
                return False
        self.seen_ns = max(self.seen_ns, at_ns)
        if judged.verified:
            self.proved(judged)
            self.verified_ns, self.mismatches, self.unverified = max(self.verified_ns, at_ns), 0, 0
        elif kind in _RAN and judged.verified is None:
            self.unverified_ns = max(self.unverified_ns, at_ns)
            self.unverified += 1
        if kind is Kind.GOOD:
            self.good(1, at_ns)
        elif is_bad:
            self.good_row = 0
            if at_ns > self.good_ns:
                self.streak_ns = min(self.streak_ns, at_ns) if self.streak else at_ns
                self.streak += 1
        elif kind is Kind.UNPROTECTED:
            self.good_row = 0
        return is_bad or kind is Kind.UNPROTECTED

    def proved(self, judged: Judged) -> None:
        """Keeps by what a genuine delivery was proved, unless a later one is known."""
        if judged.at_ns >= self.verified_ns:
            self.proof = proof_after(self.proof, judged.kind_of_signature, judged.secret, judged.at_ns)

    def good_and_verified(self, number: int, at_ns: int) -> None:
        """Counts deliveries that were all good, the last of them at that time, and whose signatures were valid."""
        self.seen_ns, self.verified_ns = max(self.seen_ns, at_ns), max(self.verified_ns, at_ns)
        self.mismatches = self.unverified = 0
        self.good(number, at_ns)

    def good(self, number: int, at_ns: int) -> None:
        """Counts good deliveries."""
        self.good_ns = max(self.good_ns, at_ns)
        self.good_row += number
        if self.streak and at_ns >= self.streak_ns:
            self.streak, self.round = 0, self.round + 1


COLUMNS: Final = tuple(endpoints.c[name] for name in EndpointRecord.__struct_fields__)
# The evaluator's own columns are not written over.
_REPLACES: Final = replaces(
    endpoints, "id", keeps=("digest", "rhythm", "learnt_ns", "silent_ns", "heard_ns", *EndpointKey._fields)
)


_BY_DIGEST: Final = (
    f"SELECT {', '.join(EndpointRecord.__struct_fields__)} FROM endpoints WHERE digest IN ({{}})"  # noqa: S608
)
_RESOLVE: Final = (
    "UPDATE problems SET state = 'resolved', state_ns = {0} WHERE endpoint = {0}"
    " AND state IN ('open', 'acknowledged')"
)


class Endpoints:
    """The endpoints of one transaction."""

    def __init__(self, connection: Connection, mark: str) -> None:
        self._connection = connection
        self._mark = mark
        self._by_key: dict[EndpointKey, EndpointRecord] = {}
        self._before: dict[int, int] = {}

    def load(self, first_ns: dict[EndpointKey, int]) -> None:
        """Reads them, and makes those that are new.

        Args:
            first_ns: when each was first seen.
        """
        digests = {digest_of(*key): key for key in first_ns if key not in self._by_key}
        for endpoint in _stored(self._connection, self._mark, list(digests)):
            self._add(digests.pop(endpoint.digest), endpoint)
        if not digests:
            return
        last, count = self._connection.execute(
            select(func.coalesce(func.max(endpoints.c.id), 0), func.count()).select_from(endpoints)
        ).one()
        for digest, key in digests.items():
            if count < MAX_ENDPOINTS or key == OTHER:
                count, last = count + 1, last + 1
                self._add(key, EndpointRecord(last, digest, *key, first_ns[key]))
            else:
                if OTHER not in self._by_key:
                    self.load({OTHER: first_ns[key]})
                    last = max(last, self._by_key[OTHER].id)
                self._by_key[key] = self._by_key[OTHER]

    def __getitem__(self, key: EndpointKey) -> EndpointRecord:
        return self._by_key[key]

    def write(self) -> None:
        """Writes them back, and resolves the problems of those that do well again."""
        # Of one at which nothing was more than a stranger's guess there is nothing to keep.
        kept = list({one.id: one for one in self._by_key.values() if one.seen_ns}.values())
        rows = [msgspec.structs.astuple(endpoint) for endpoint in kept]
        insert_rows(self._connection, self._mark, endpoints, rows, _REPLACES)
        for endpoint in kept:
            if endpoint.good_row >= GOOD_IN_A_ROW > self._before[endpoint.id]:
                statement = _RESOLVE.format(self._mark)
                self._connection.exec_driver_sql(statement, (endpoint.good_ns, endpoint.id))

    def number_of(self, key: EndpointKey) -> int:
        """Its number; 0 where it is none of this transaction's."""
        found = self._by_key.get(key)
        return 0 if found is None else found.id

    def take(self, judged: Judged) -> bool:
        """Counts one delivery; whether it belongs to its problem."""
        endpoint = self._by_key[judged.endpoint]
        is_problem = endpoint.take(judged)
        if is_problem:
            # Good ones in a row begin anew.
            self._before[endpoint.id] = 0
        return is_problem

    def _add(self, key: EndpointKey, endpoint: EndpointRecord) -> None:
        self._by_key[key] = endpoint
        self._before[endpoint.id] = endpoint.good_row


def of_rows(rows: Iterable[Any]) -> list[EndpointRecord]:
    """What a query of `COLUMNS` returns, as endpoints."""
    return [EndpointRecord(*row) for row in rows]


def _stored(connection: Connection, mark: str, digests: Sequence[bytes]) -> list[EndpointRecord]:
    return of_rows(select_among(connection, mark, _BY_DIGEST, digests))
