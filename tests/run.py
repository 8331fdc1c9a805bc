"""`make test`: everything, in two parts. Arguments go to pytest; where they name a file or folder, that alone runs.

Most tests may share the machine, and run on two cores. Those of whole deployments (several server processes each, and
stores that have 250 ms to answer) are then run one after the other, with the machine to themselves. Each part is in a
random order, and says which: see random_order.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TESTS = Path(__file__).resolve().parent
ALONE = ("e2e", "e2e_idempotency", "idempotency")
NOTHING_COLLECTED = 5


def main(arguments: list[str]) -> int:
    """Pytest's exit status: of the part that failed, if one did."""
    if any(Path(argument.partition("::")[0]).exists() for argument in arguments):
        return pytest(*arguments)
    shared = pytest(
        *("-n", "2", "--dist", "loadfile", "--no-loadscope-reorder"),
        *(f"--ignore={TESTS / name}" for name in ALONE),
        *arguments,
    )
    if shared not in (0, NOTHING_COLLECTED):
        return shared
    alone = pytest(*arguments, *(str(TESTS / name) for name in ALONE))
    return shared if alone == NOTHING_COLLECTED else alone


def pytest(*arguments: str) -> int:
    """Runs it with the Python that runs this."""
    return subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
