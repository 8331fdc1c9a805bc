"""`make test`: everything, in three parts. Arguments go to pytest; where they name a file or folder, that alone runs.

Most tests may share the machine, and run on two cores; so do, after them, those of whole deployments (several server
processes each). Those of stores, which have 250 ms to answer, are then run one after the other, with the machine to
themselves. Each part is in a random order, and says which: see random_order.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
DEPLOYMENTS = ("e2e",)
ALONE = ("e2e_idempotency", "idempotency")
TWO_CORES = ("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder")
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Pytest's exit status: of the part that failed, if one did."""
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return pytest(*arguments)
    parts = (
        (*TWO_CORES, *(f"--ignore={TESTS / name}" for name in (*DEPLOYMENTS, *ALONE))),
        (*TWO_CORES, *(str(TESTS / name) for name in DEPLOYMENTS)),
        tuple(str(TESTS / name) for name in ALONE),
    )
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
