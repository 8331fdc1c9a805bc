"""`make test`: everything, in two parts. Arguments go to pytest; where they name a file or folder, that alone runs.

Most tests may share the machine: four at a time on two cores, for half of the time each of them waits. Those that
measure fractions of a second (a store has 250 ms to answer, a lease of 300 ms is renewed in time) are then run one
after the other, with the machine to themselves.
Each part is in a random order, and says which: see support/random_order.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ALONE = (
    "e2e/idempotency",
    "idempotency/test_async_face.py",
    "idempotency/test_guard.py",
    "idempotency/test_leases.py",
    "idempotency/test_outages.py",
    "idempotency/test_processes.py",
    "idempotency/test_sqlite.py",
)
SHARING = ("-n", "4", "--dist", "loadfile", "--no-loadscope-reorder")
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Pytest's exit status: of the part that failed, if one did."""
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return pytest(*arguments)
    alone = [str(TESTS / name) for name in ALONE]
    parts = ((*SHARING, *(f"--ignore={path}" for path in alone)), tuple(alone))
    status = NOTHING_COLLECTED
    for part in parts:
        found = pytest(*part, *arguments)
        if found not in (0, NOTHING_COLLECTED):
            return found
        # Where arguments choose tests, a part may have none of them.
        status = min(status, found)
    return status


def pytest(*arguments: str) -> int:
    """Runs it with the Python that runs this."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
