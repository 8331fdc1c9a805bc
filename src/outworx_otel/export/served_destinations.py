"""Which destinations an exporter of ours serves, and which of them gives way, so that nothing is exported twice."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Protocol

from outworx_otel.export.destination import Destination
from outworx_otel.export.http_client import Signal


class Owner(Protocol):
    """An exporter of ours."""

    destination: Destination

    def stand_down(self) -> None: ...


_serving: dict[tuple[str, Signal], weakref.WeakSet[Owner]] = {}


def serve(destination: Destination, owner: Owner, signal: Signal = "traces") -> None:
    """Notes that `owner` exports to this destination, until `stop_serving` or its garbage collection."""
    _serving.setdefault((destination.fingerprint, signal), weakref.WeakSet()).add(owner)


def stop_serving(destination: Destination, owner: Owner, signal: Signal = "traces") -> None:
    """Notes that `owner` was shut down."""
    owners = _serving.get((destination.fingerprint, signal))
    if owners is not None:
        owners.discard(owner)
        if not owners:
            del _serving[destination.fingerprint, signal]


def is_served(destination: Destination, signal: Signal = "traces") -> bool:
    """Returns whether an exporter of ours sends this signal to the same endpoint with the same key."""
    return bool(_serving.get((destination.fingerprint, signal)))


def stand_down_before(
    destination: Destination, signal: Signal, is_on_provider: Callable[[Owner], bool]
) -> list[Destination]:
    """Lets exporters of ours give way to one that code has asked for; returns where they sent to.

    These are: what sends to the same endpoint with another key, and whatever the environment alone had named.

    Args:
        destination: what code has asked for.
        signal: what is sent.
        is_on_provider: whether an exporter gets the same telemetry.
    """
    former = []
    for owner in [owner for (_, served), owners in _serving.items() if served == signal for owner in owners]:
        theirs = owner.destination
        gives_way = theirs.endpoint == destination.endpoint or not theirs.explicit
        if gives_way and theirs.fingerprint != destination.fingerprint and is_on_provider(owner):
            owner.stand_down()
            stop_serving(theirs, owner, signal)
            former.append(theirs)
    return former
