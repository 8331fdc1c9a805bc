"""How endpoints, services' clocks and events do, over a range of time."""

from __future__ import annotations

import msgspec

from outworx_otel.server.model import EventCounts, ServiceClock
from outworx_otel.server.problems.rhythm import Rhythm
from outworx_otel.server.proof import Proof


class Learnt(msgspec.Struct, frozen=True, array_like=True):
    """A rhythm, as it is kept.

    Args:
        every: one of so many deliveries was looked at.
    """

    rates: list[float]
    threshold: float
    every: int

    @classmethod
    def of(cls, rhythm: Rhythm, every: int) -> Learnt:
        """What to keep of a rhythm."""
        return cls(list(rhythm.rates), rhythm.threshold, every)

    def rhythm(self) -> Rhythm:
        """Of the deliveries that were looked at."""
        return Rhythm(self.rates, self.threshold)

    def expected(self, since: float, until: float) -> float:
        """How many deliveries are usual between two times, in Unix seconds."""
        return self.rhythm().expected(since, until) * self.every


def learnt_of(packed: bytes | None) -> Learnt | None:
    """Reads what was kept; None where nothing was."""
    return None if packed is None else msgspec.msgpack.decode(packed, type=Learnt)


class EndpointState(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint. Times are Unix nanoseconds.

    Args:
        id: its number.
        verified: whether its deliveries are verified; None where none has run yet.
        deliveries: of the range.
        success_rate: of these, 0 to 1: out of those that were proved genuine, or whose endpoint does not verify,
            without duplicates; a deferred one counts once its work has ended. None where there is none.
        failures: how many of these failed.
        streak: failures at the end, and `streak_since_ns` the first of them.
        last_seen_ns: the last that the provider sent, as far as that can be told from a stranger's.
        verified_before: whether it ever verified one.
        unverified: how many ran without verification since one was verified.
        usual: deliveries in such a range; None where it cannot be learnt yet.
        silent_since_ns: the last delivery before the present silence.
        first_ns: when it was first seen.
        heard_ns: when the last silence ended; 0 is never.
        learnt_ns: when its rhythm was last looked for; 0 is never.
        learnt: its rhythm.
        proof: by what its genuine deliveries are proved.
    """

    id: int
    service: str
    environment: str
    provider: str
    route: str
    verified: bool | None
    deliveries: int
    success_rate: float | None
    failures: int
    streak: int
    streak_since_ns: int | None
    last_good_ns: int | None
    last_seen_ns: int
    verified_before: bool
    unverified: int
    usual: float | None
    silent_since_ns: int | None
    first_ns: int
    heard_ns: int
    learnt_ns: int
    learnt: Learnt | None
    proof: Proof


class EndpointsOverview(msgspec.Struct, frozen=True):
    """Every endpoint that is known, the busiest first, also those that are quiet."""

    since_ns: int
    until_ns: int
    endpoints: list[EndpointState]
    clocks: list[ServiceClock]
    events: EventCounts
