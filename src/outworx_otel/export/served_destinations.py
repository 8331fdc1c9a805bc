"""Which destinations an exporter of ours already serves, so that nothing is exported twice."""

from __future__ import annotations

import weakref

from outworx_otel.export.destination import Destination
from outworx_otel.export.http_client import Signal

_serving: dict[tuple[str, Signal], weakref.WeakSet[object]] = {}


def serve(destination: Destination, owner: object, signal: Signal = "traces") -> None:
    """Notes that `owner` exports to this destination, until `stop_serving` or its garbage collection."""
    _serving.setdefault((destination.fingerprint, signal), weakref.WeakSet()).add(owner)


def stop_serving(destination: Destination, owner: object, signal: Signal = "traces") -> None:
    """Notes that `owner` was shut down."""
    owners = _serving.get((destination.fingerprint, signal))
    if owners is not None:
        owners.discard(owner)
        if not owners:
            del _serving[destination.fingerprint, signal]


def is_served(destination: Destination, signal: Signal = "traces") -> bool:
    """Returns whether an exporter of ours sends this signal to the same endpoint with the same key."""
    return bool(_serving.get((destination.fingerprint, signal)))
