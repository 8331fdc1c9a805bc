"""Which destinations a live exporter of ours already serves, so that nothing is exported twice."""

from __future__ import annotations

import weakref

from outworx_otel.export.destination import Destination
from outworx_otel.export.sender import Signal

_serving: dict[tuple[str, Signal], weakref.WeakSet[object]] = {}


def serve(destination: Destination, owner: object, signal: Signal = "traces") -> None:
    """`owner` exports to this destination until it is garbage or says `stop_serving`."""
    _serving.setdefault((destination.fingerprint, signal), weakref.WeakSet()).add(owner)


def stop_serving(destination: Destination, owner: object, signal: Signal = "traces") -> None:
    """`owner` was shut down."""
    owners = _serving.get((destination.fingerprint, signal))
    if owners is not None:
        owners.discard(owner)
        if not owners:
            del _serving[destination.fingerprint, signal]


def is_served(destination: Destination, signal: Signal = "traces") -> bool:
    """Whether a live exporter of ours sends this signal to the same endpoint with the same key."""
    return bool(_serving.get((destination.fingerprint, signal)))
