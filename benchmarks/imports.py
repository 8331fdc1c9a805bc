"""`python -m benchmarks.imports`: what importing costs, beside OpenTelemetry's own tracer.

Each statement in fresh processes, in turns; the least processor time of each counts, without that of a bare Python.
"""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Final

from benchmarks.report import Verdict

_ROUNDS: Final = 15
_NOTHING: Final = "pass"
_TRACER: Final = "import opentelemetry.sdk.trace"
_TARGETS: Final = {
    "import outworx_otel": 1.5,
    "from outworx_otel import TrackOptions, current_track, init, instrument, webhook": 2.0,
}


def main() -> None:
    """Measures, and prints a line for each statement."""
    least: dict[str, float] = {}
    for _ in range(_ROUNDS):
        for statement in (_NOTHING, _TRACER, *_TARGETS):
            least[statement] = min(least.get(statement, float("inf")), _seconds(statement))
    bare = least.pop(_NOTHING)
    tracer = least[_TRACER] - bare
    for statement, seconds in least.items():
        print(f"{1000 * (seconds - bare):7.0f} ms  {(seconds - bare) / tracer:5.2f}  {statement}")
    for statement, limit in _TARGETS.items():
        print(Verdict(statement, (least[statement] - bare) / tracer, limit))


def _seconds(statement: str) -> float:
    """The processor time of a process that does nothing else."""
    child = subprocess.Popen([sys.executable, "-c", statement])  # noqa: S603  # ours
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{statement} failed")
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
