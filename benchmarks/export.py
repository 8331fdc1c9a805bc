"""`python -m benchmarks.export`: the processor time of the whole process for a delivery, its export included.

The thread that sends shares the interpreter's lock with the requests: what it takes, they wait for.
"""

from __future__ import annotations

import logging
import multiprocessing
import random
import time
from collections import defaultdict
from multiprocessing.connection import Connection
from statistics import median
from typing import Any, Final

from benchmarks.deliveries import HOOKS, inbound
from benchmarks.lanes import LANES, Lane
from benchmarks.loopback import ingest
from benchmarks.providers import provide
from benchmarks.variants import Variant, has_peer

_REQUESTS: Final = 400
_ROUNDS: Final = 9
_VARIANTS: Final = (Variant.BARE, Variant.FLOOR, Variant.OURS, Variant.PEER)
_GOAL: Final = 1.0
# A process that has spent less than that in so long has nothing left to send.
_STILL: Final = 0.002
_PAUSE: Final = 0.25


def main() -> None:
    """Prints a line for each framework."""
    print(
        "µs of processor time per delivery of 1 KB, of all threads, until everything was sent; + over bare."
    )
    print("floor: by hand, with the SDK's BatchSpanProcessor and OTLPSpanExporter. peer: outworx-hooks.")
    with ingest() as port:
        for lane in (LANES["fastapi"], LANES["flask"]):
            lane.load()
            _show(lane, _measure(lane, port))


def _show(lane: Lane, times: dict[Variant, list[float]]) -> None:
    bare = times[Variant.BARE]
    added = {
        variant: median(took - before for took, before in zip(rounds, bare, strict=True))
        for variant, rounds in times.items()
    }
    ratio = added[Variant.OURS] / added[Variant.FLOOR]
    verdict = "reached" if ratio <= _GOAL else "MISSED"
    costs = ", ".join(
        f"{variant.value} +{added[variant]:.0f}" for variant in added if variant is not Variant.BARE
    )
    print(
        f"{lane.title}: bare {median(bare):.0f}, {costs}; ours / floor {ratio:.2f}: {verdict} (at most {_GOAL})"
    )


def _measure(lane: Lane, port: int) -> dict[Variant, list[float]]:
    context = multiprocessing.get_context("spawn")
    pipes: dict[Variant, Any] = {}
    processes = []
    for variant in _VARIANTS:
        if variant.is_peer and not has_peer():
            continue
        pipes[variant], theirs = context.Pipe()
        process = context.Process(target=_child, args=(lane.name, variant, port, theirs), daemon=True)
        process.start()
        processes.append(process)
    times: dict[Variant, list[float]] = defaultdict(list)
    try:
        for number in range(-1, _ROUNDS):
            for variant in random.sample(list(pipes), len(pipes)):
                pipes[variant].send(_REQUESTS)
                took = pipes[variant].recv()
                if number >= 0:
                    times[variant].append(took)
    finally:
        for process in processes:
            process.terminate()
            process.join()
    return {variant: times[variant] for variant in pipes}


def _child(lane: str, variant: Variant, port: int, pipe: Connection) -> None:
    logging.disable(logging.CRITICAL)
    provide()
    _export(variant, port)
    call = LANES[lane].build(variant, port)
    while True:
        count = pipe.recv()
        request = inbound(HOOKS[0])
        begun = time.process_time()
        _, statuses = call(request, count)
        if statuses != {200}:
            raise RuntimeError(f"answered {statuses}")
        pipe.send((_when_still() - begun) / count * 1e6)


def _export(variant: Variant, port: int) -> None:
    from opentelemetry import trace

    provider: Any = trace.get_tracer_provider()
    if variant is Variant.FLOOR:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import BatchSpanProcessor

        exporter = OTLPSpanExporter(endpoint=f"http://127.0.0.1:{port}/v1/traces")
        provider.add_span_processor(BatchSpanProcessor(exporter))
    elif variant is Variant.OURS:
        from outworx_otel import OutworxSpanProcessor

        provider.add_span_processor(OutworxSpanProcessor(endpoint=f"http://127.0.0.1:{port}"))


def _when_still() -> float:
    """The processor time of this process once nothing in it works any more."""
    from opentelemetry import trace

    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush()
    before = time.process_time()
    while True:
        time.sleep(_PAUSE)
        now = time.process_time()
        if now - before < _STILL:
            return now
        before = now


if __name__ == "__main__":
    main()
