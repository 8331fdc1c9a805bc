"""An exporter of ours that gives way to what `init()` says, so that no span arrives at one endpoint twice."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from outworx_otel.telemetry.foreign import metric_readers

if TYPE_CHECKING:
    from outworx_otel.export import Destination
    from outworx_otel.export.http_client import Signal

_made: weakref.WeakSet[Any] = weakref.WeakSet()


def note_made(exporter: object) -> None:
    """Notes an exporter or processor that was made here: it is one of the global provider, however that wraps it."""
    _made.add(exporter)


def give_way(destination: Destination, signal: Signal, *providers: object) -> Iterator[str]:
    """Lets what the environment named, or another key for the same endpoint, give way; says what did.

    Args:
        destination: what `init()` was given; one that the environment names makes nobody give way.
        signal: what is sent.
        providers: where exporters may stand that the application has added by hand.
    """
    if not destination.explicit:
        return
    from outworx_otel.export import stand_down_before

    standing = {id(part) for provider in providers for part in _parts(provider)}
    former = stand_down_before(destination, signal, lambda owner: owner in _made or id(owner) in standing)
    for theirs in former:
        if theirs.endpoint == destination.endpoint:
            what = "with the key that init() was given, no longer with another one as well"
        else:
            what = f"as init() says, no longer to {theirs.endpoint}"
        yield f"outworx: webhook telemetry goes to {destination.endpoint} {what}"


def _parts(provider: object) -> Iterator[object]:
    """What exports for a provider of the SDK. Private there: an exporter that is not found goes on."""
    processors: Any = getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ())
    for processor in processors:
        yield processor
        yield from _wrapped(getattr(processor, "span_exporter", None))
    for reader in metric_readers(provider):
        yield from _wrapped(getattr(reader, "_exporter", None))


def _wrapped(exporter: object) -> Iterator[object]:
    yield exporter
    # Of the exporters that the SDK loads by name.
    yield getattr(exporter, "_exporter", None)
