"""Where our microseconds go: cProfile over many deliveries, and what the garbage collector is left with."""

from __future__ import annotations

import cProfile
import gc
import logging
import pstats
from pathlib import Path
from typing import Any

import outworx_otel
from benchmarks.deliveries import HOOKS, inbound
from benchmarks.lanes import Lane
from benchmarks.providers import provide
from benchmarks.variants import Variant

_REQUESTS = 3000
_ROWS = 45
_OURS = str(Path(outworx_otel.__file__).parent)


def show(lane: Lane) -> None:
    """Prints the functions of ours, of OpenTelemetry and of the rest, dearest first.

    The profiler makes every call dearer: read the shares, not the absolute numbers.
    """
    logging.disable(logging.CRITICAL)
    provide()
    call = lane.build(Variant.OURS, 0)
    request = inbound(HOOKS[0])
    call(request, 500)
    plain = min(call(request, 500)[0] for _ in range(5)) / 500
    _show_garbage(call, request)
    profiler = cProfile.Profile()
    profiler.enable()
    call(request, _REQUESTS)
    profiler.disable()
    stats: dict[tuple[str, int, str], Any] = pstats.Stats(profiler).stats  # type: ignore[attr-defined]
    rows = sorted(
        (
            (
                own / _REQUESTS * 1e6,
                whole / _REQUESTS * 1e6,
                calls / _REQUESTS,
                _place(*where),
                _owner(where[0]),
            )
            for where, (_, calls, own, whole, _) in stats.items()
            if calls >= _REQUESTS
        ),
        reverse=True,
    )
    total = sum(row[0] for row in rows)
    print(
        f"{lane.title}, {HOOKS[0].name}: {plain * 1e6:.1f} µs per delivery; {total:.1f} µs under the profiler"
    )
    for owner in ("ours", "opentelemetry", "other"):
        print(f"  {owner}: {sum(row[0] for row in rows if row[4] == owner) / total:.0%} of it")
    print(f"{'own µs':>8} {'whole µs':>9} {'calls':>6}  where (times are the profiler's)")
    for own, whole, calls, place, _ in rows[:_ROWS]:
        print(f"{own:8.2f} {whole:9.2f} {calls:6.1f}  {place}")


def _show_garbage(call: Any, request: Any) -> None:
    """Objects that only the cyclic collector can free: it stops the thread to do so, and bodies hang on them."""
    gc.collect()
    gc.disable()
    call(request, 100)
    print(f"cyclic garbage: {gc.collect() / 100:.1f} objects per delivery")
    gc.enable()


def _place(file: str, line: int, function: str) -> str:
    if file == "~":
        return function
    parts = Path(file).parts
    return f"{'/'.join(parts[-3:])}:{line} {function}"


def _owner(file: str) -> str:
    if file.startswith(_OURS):
        return "ours"
    return "opentelemetry" if "opentelemetry" in file else "other"
