"""`python -m benchmarks [--quick] [--only NAME] [--json FILE] [--profile NAME]`."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import profiling, report
from benchmarks.lanes import LANES
from benchmarks.loopback import ingest
from benchmarks.providers import SET_UP
from benchmarks.race import run

_ALONE = {
    "imports": "What importing costs, beside the SDK's tracer",
    "instructions": "How many instructions a delivery takes, and whether they have grown",
    "export": "What the whole process spends on a delivery, its export included",
    "signatures": "Signatures alone",
    "idempotency": "What an idempotency key adds",
    "drops": "What the causes of silent drops cost",
    "load": "What wrk gets through real servers, and what it costs them",
    "scaling": "What a deployment needs for so many deliveries",
    "relay": "What the tunnel adds to a delivery",
    "ingest": "How fast outworx serve takes deliveries in",
    "pages": "How fast pages are read out of a million deliveries, and while others arrive",
    "silence": "How well the silence rule tells a provider that stopped from one that pauses",
}
_HOW = f"""\
In-process calls, no client and no server; each variant in a process of its own, rounds interleaved in random order.
Times are processor time spent on answering, so that neighbours on the machine do not count.
{SET_UP}.
bare: the handler reads its body. floor: bare + one HMAC and one span with the same attributes, by hand. official: the
framework's own instrumentation alone, with its defaults. FastAPI's native telemetry is off in every variant.
peer: outworx-hooks 1.5.0 with the same provider and signature_secret, sending to an ingest on loopback from its own
thread, whose time is not counted. peer+type: with event_type_field and capture_body besides, without which it reports
neither the event's type nor its size on Flask and Django; ours and the floor always report both."""


def main() -> int:
    """Runs what was asked for, and says which targets were reached."""
    arguments = _parser().parse_args()
    if arguments.profile:
        profiling.show(LANES[arguments.profile])
        return 0
    begun = time.monotonic()
    names = [arguments.only] if arguments.only else [*LANES, *(() if arguments.quick else _ALONE)]
    verdicts: list[report.Verdict] = []
    measured: dict[str, Any] = {}
    print(_HOW)
    generations, rounds = (1, 12) if arguments.quick else (4, 18)
    with ingest() as port:
        for name in names:
            if name in _ALONE:
                continue
            lane = LANES[name]
            times = run(lane, generations, rounds, port)
            report.show(lane, times)
            verdicts += report.verdicts(lane, times)
            measured[name] = report.as_json(times)
    for name in _ALONE:
        if name in names:
            print(f"\n{_ALONE[name]}", flush=True)
            subprocess.run([sys.executable, "-m", f"benchmarks.{name}"], check=False)  # noqa: S603
    _sum_up(verdicts, time.monotonic() - begun)
    if arguments.json is not None:
        judged = [{"what": one.what, "value": one.value, "limit": one.limit} for one in verdicts]
        arguments.json.write_text(json.dumps({"times": measured, "targets": judged}, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="What a delivery costs.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: under a minute, and noisier")
    parser.add_argument("--only", choices=[*LANES, *_ALONE], help="one part of it")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write what was measured")
    parser.add_argument("--profile", choices=list(LANES), help="where our microseconds go instead")
    return parser


def _sum_up(verdicts: list[report.Verdict], seconds: float) -> None:
    missed = [verdict for verdict in verdicts if not verdict.reached]
    print(f"\n{len(verdicts) - len(missed)} of {len(verdicts)} targets reached, in {seconds:.0f} s")
    for verdict in missed:
        print(f"  {verdict.what}: {verdict}")


if __name__ == "__main__":
    sys.exit(main())
