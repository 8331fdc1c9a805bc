"""`make soak ARGS=MINUTES`: exit status 1 where something grew."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from .growth import Growth
from .scene import parts, soak


def main(arguments: list[str]) -> int:
    minutes = float(arguments[0]) if arguments else 30.0
    with tempfile.TemporaryDirectory(prefix="outworx-soak-") as folder, parts(Path(folder)) as there:
        print(f"{', '.join(there.pids)} for {minutes:g} min", flush=True)
        if "collector" not in there.pids:
            print("NOT TESTED: the collector (make backends)", flush=True)
        found = soak(there, minutes * 60, lambda line: print(line, flush=True))
    print(f"\n{'':24} {'median':>12} {'rise':>12} {'allowed':>12} {'certainty':>10}")
    for (part, what), growth in found.growths.items():
        print(f"{f'{part}, {what}':24} {_row(growth)}{'  GROWS' if growth.is_leak else ''}")
    print(f"{found.sent} deliveries, {len(found.failures)} without an answer {found.failures[:3] or ''}")
    # One delivery in a hundred may meet a connection that the server has just closed.
    return 1 if found.leaks or len(found.failures) * 100 > found.sent else 0


def _row(growth: Growth) -> str:
    unit = 1024 * 1024 if growth.middle > 10_000 else 1
    middle, rise, allowed = (value / unit for value in (growth.middle, growth.rise, growth.allowed))
    return f"{middle:12.2f} {rise:12.2f} {allowed:12.2f} {growth.certainty:10.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
