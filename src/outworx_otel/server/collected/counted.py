"""Adds up what was counted of endpoints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, cast

from outworx_otel.server.collected.rows import text_of
from outworx_otel.server.model import EndpointFigures, Slot, Tally
from outworx_otel.server.problems.judging import EndpointKey
from outworx_otel.server.problems.state import EndpointState
from outworx_otel.server.proof import Proof, SignatureKind
from outworx_otel.telemetry.outcomes import Outcome

DUPLICATES: Final = ("replayed", "in_flight")
_RAN: Final = ("good", "unprotected", "deferred")


class Counted(NamedTuple):
    """Deliveries, or ends of deferred work, that have all of this in common; times are Unix nanoseconds."""

    key: EndpointKey
    slot: int
    is_work: bool
    kind: str
    outcome: str
    reason: str
    cause: str
    idempotency: str
    number: int
    last_ns: int
    verified_ns: int
    unverified: int
    unverified_ns: int
    proved_by: str


def counted_of(key: EndpointKey, row: Sequence[Any]) -> Counted:
    """Reads what was counted of an endpoint."""
    kind, outcome, reason, cause, idempotency = map(text_of, row[2:7])
    number, last_ns, verified_ns, unverified, unverified_ns = map(int, row[7:12])
    return Counted(
        *(key, int(row[0]), bool(row[1]), kind, outcome, reason, cause, idempotency),
        *(number, last_ns, verified_ns, unverified, unverified_ns, text_of(row[12])),
    )


def key_of(row: Sequence[Any]) -> EndpointKey:
    """The endpoint that a row begins with."""
    return EndpointKey(*map(text_of, row[:4]))


class EndpointSums:
    """What is summed up of one."""

    def __init__(self) -> None:
        self.total = self.failures = self.drops = self.duplicates = self.unverified = self.streak = 0
        self.last_ns = self.good_ns = self.bad_ns = self.verified_ns = self.unverified_ns = self.streak_ns = 0
        self.proved_by = ""
        self.tally, self.before = Tally(), Tally()
        self.p50_ns: int | None = None
        self.p95_ns: int | None = None

    def add(self, one: Counted) -> None:
        """Counts what belongs to the time that is asked for."""
        if not one.is_work:
            self.total += one.number
            self.failures += one.number if one.reason else 0
            self.drops += one.number if one.outcome == "silent_drop" else 0
            self.duplicates += one.number if one.idempotency in DUPLICATES else 0
        if one.kind == "nothing":
            return
        self.tally = _added(self.tally, tally_of(one))
        if one.kind == "good":
            self.good_ns = max(self.good_ns, one.last_ns)
        elif one.kind == "bad":
            self.bad_ns = max(self.bad_ns, one.last_ns)
        if one.is_work:
            return
        self.last_ns = max(self.last_ns, one.last_ns)
        if one.verified_ns > self.verified_ns:
            self.verified_ns, self.proved_by = one.verified_ns, one.proved_by
        if one.kind in _RAN:
            self.unverified += one.unverified
            self.unverified_ns = max(self.unverified_ns, one.unverified_ns)

    def add_before(self, one: Counted) -> None:
        """Counts what belongs to as long a time before."""
        if one.kind != "nothing":
            self.before = _added(self.before, tally_of(one))

    @property
    def is_verified(self) -> bool | None:
        """Whether it verifies its deliveries; None where none has run."""
        if not self.verified_ns and not self.unverified_ns:
            return None
        return self.verified_ns >= self.unverified_ns

    @property
    def signature(self) -> SignatureKind | None:
        """What a valid signature proves there."""
        return (
            cast(SignatureKind, self.proved_by) if self.proved_by in ("verified", "authenticated") else None
        )

    def figures(self, key: EndpointKey) -> EndpointFigures:
        """As the page shows it; what is usual is not known."""
        return EndpointFigures(
            service=key.service,
            environment=key.environment or None,
            provider=key.provider,
            route=key.route or None,
            verified=self.is_verified,
            kind=self.signature,
            secrets=None,
            total=self.total,
            tally=self.tally,
            before=self.before,
            usual=None,
            streak=self.streak,
            streak_ns=self.streak_ns or None,
            good_ns=self.good_ns or None,
            last_ns=self.last_ns,
            p50_ns=self.p50_ns,
            p95_ns=self.p95_ns,
            signature_failures=self.failures,
            silent_drops=self.drops,
            duplicates=self.duplicates,
        )

    def state(self, number: int, key: EndpointKey) -> EndpointState:
        """As JSON has it; nothing is learnt of a rhythm."""
        return EndpointState(
            id=number,
            service=key.service,
            environment=key.environment,
            provider=key.provider,
            route=key.route,
            verified=self.is_verified,
            deliveries=self.total,
            success_rate=self.tally.rate,
            failures=self.tally.bad,
            streak=self.streak,
            streak_since_ns=self.streak_ns or None,
            last_good_ns=self.good_ns or None,
            last_seen_ns=self.last_ns,
            verified_before=self.verified_ns > 0,
            unverified=self.unverified,
            usual=None,
            silent_since_ns=None,
            first_ns=0,
            heard_ns=0,
            learnt_ns=0,
            learnt=None,
            proof=Proof(self.signature),
        )


def tally_of(one: Counted) -> Tally:
    """How they count in a rate."""
    is_good = one.kind in ("good", "unprotected")
    return Tally(
        arrived=0 if one.is_work else one.number,
        good=one.number if is_good else 0,
        bad=one.number if one.kind == "bad" else 0,
        unprotected=one.number if one.kind == "unprotected" else 0,
        unverified=one.unverified if one.kind in _RAN and not one.is_work else 0,
    )


def sum_of(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    total = Tally()
    for tally in tallies:
        total = _added(total, tally)
    return total


def slot_of(begins: int, counted: Iterable[Counted]) -> Slot:
    """A bar of the chart."""
    counted = list(counted)
    tally = sum_of(tally_of(one) for one in counted if one.kind != "nothing")
    outcomes = cast(dict[Outcome, int], sums_of(counted, "outcome"))
    return Slot(begins, outcomes, tally.good, tally.bad)


def sums_of(counted: Iterable[Counted], name: str) -> dict[str, int]:
    """How many deliveries there are of each value of a field, the most frequent first."""
    sums: Counter[str] = Counter()
    for one in counted:
        sums[getattr(one, name)] += 0 if one.is_work else one.number
    return {value: number for value, number in sums.most_common() if value and number}


def _added(one: Tally, other: Tally) -> Tally:
    return Tally(**{name: getattr(one, name) + getattr(other, name) for name in Tally.__struct_fields__})
