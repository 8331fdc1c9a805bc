"""The rule of silence: an endpoint hears nothing for far longer than usual."""

from __future__ import annotations

import math
from typing import Any, Final

import msgspec

from outworx_otel.server.problems.finding import RuleFinding
from outworx_otel.server.problems.rhythm import (
    LEARNING_SECONDS,
    REMEMBERED_SECONDS,
    SOONEST_SECONDS,
    Rhythm,
    learn,
)
from outworx_otel.server.problems.snapshot import Snapshot
from outworx_otel.server.problems.state import EndpointState, Learnt
from outworx_otel.server.rule_settings import RuleSettings
from outworx_otel.server.rules.findings import silence_finding
from outworx_otel.server.store import Store

LEARNT_AT_ONCE: Final = 3
"""Endpoints a look: each takes a fraction of a second."""

_LEARNS_EVERY: Final = 86_400.0
_RECENT: Final = 500
_MOST_ARRIVALS: Final = 100_000


class Silence:
    """Looks for silent endpoints.

    Args:
        store: whose endpoints they are.
        settings: endpoints whose rhythm is given.
        since: when this server began to listen, in Unix seconds: while none did, nothing could come.
    """

    def __init__(self, store: Store, settings: RuleSettings, since: float) -> None:
        self._store = store
        self._settings = settings
        self._since = since

    def found(self, snapshot: Snapshot, changes: dict[int, dict[str, Any]]) -> list[RuleFinding]:
        """Those that are silent now.

        Args:
            changes: takes what was learnt of endpoints: columns, by the endpoint's number.
        """
        found: list[RuleFinding] = []
        now, learnt = snapshot.now_ns / 1e9, 0
        for endpoint in snapshot.hour.endpoints:
            change: dict[str, Any] = {}
            if learnt < LEARNT_AT_ONCE and self._is_to_learn(endpoint, now):
                learnt += 1
                rhythm = self._learn(endpoint, now)
                change = {"rhythm": None if rhythm is None else msgspec.msgpack.encode(rhythm)}
                change["learnt_ns"] = snapshot.now_ns
                endpoint = msgspec.structs.replace(endpoint, learnt=rhythm)
            finding = self._finding(endpoint, snapshot.now_ns)
            if finding is not None:
                found.append(finding)
            silent_ns = None if finding is None else finding.since_ns
            if silent_ns != endpoint.silent_since_ns:
                change["silent_ns"] = silent_ns
                if silent_ns is None:
                    change["heard_ns"] = endpoint.last_seen_ns
            if change:
                changes[endpoint.id] = change
        return found

    def _is_to_learn(self, endpoint: EndpointState, now: float) -> bool:
        # What an outage looks like is not to be usual.
        is_due = endpoint.silent_since_ns is None and now - endpoint.learnt_ns / 1e9 >= _LEARNS_EVERY
        return is_due and now - endpoint.first_ns / 1e9 >= LEARNING_SECONDS

    def _learn(self, endpoint: EndpointState, now: float) -> Learnt | None:
        since_ns = int((now - REMEMBERED_SECONDS) * 1e9)
        arrivals, every = self._store.arrivals(endpoint, since_ns, None, _MOST_ARRIVALS)
        rhythm = learn(arrivals, now)
        return None if rhythm is None else Learnt.of(rhythm, every)

    def _finding(self, endpoint: EndpointState, now_ns: int) -> RuleFinding | None:
        now, last = now_ns / 1e9, endpoint.last_seen_ns / 1e9
        is_forgotten = now - last > REMEMBERED_SECONDS
        if now - max(last, self._since) < SOONEST_SECONDS or is_forgotten:
            return None
        given = next((one for one in self._settings.expected if one.fits(endpoint)), None)
        if given is not None:
            silent_from = Rhythm.given(given.every).silent_from([max(last, self._since)])
            usual = f"one is expected every {given.every / 60:.0f} minutes"
        elif endpoint.learnt is not None:
            rhythm = endpoint.learnt.rhythm()
            # Most often the last one tells that it is too early, and the others need not be read.
            if rhythm.expected(max(last, self._since), now) < rhythm.threshold:
                return None
            recent, _ = self._store.arrivals(
                endpoint, int((now - REMEMBERED_SECONDS) * 1e9), endpoint.learnt.every, _RECENT
            )
            recent = [*(at for at in recent if at < last), last]
            if self._since > last:
                recent.append(self._since)
            heard = endpoint.heard_ns / 1e9 if endpoint.heard_ns else -math.inf
            silent_from = rhythm.silent_from(recent, heard)
            gap = rhythm.usual_gap(last) / endpoint.learnt.every
            usual = f"at that hour one usually comes every {_in_words(gap)}"
        else:
            return None
        if silent_from > now:
            return None
        return silence_finding(endpoint, endpoint.last_seen_ns, now_ns, usual)


def _in_words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
