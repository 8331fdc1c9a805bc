"""Fixtures: the back-ends, and the shop that reports to them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

# Fixtures, which pytest finds here by their names.
from collector.conftest import backends, jaeger, prometheus, running  # noqa: F401

SHOP = Path(__file__).parent / "sites" / "shop.py"
ANSWERS = [200, 200, 200, 500, 200, 401]

Shop = Callable[..., str]


@pytest.fixture
def shop() -> Shop:
    """Runs the shop to its end, with these variables; what it logged."""

    def run(**environ: str) -> str:
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
        }
        done = subprocess.run(  # noqa: S603  # our own script
            [sys.executable, str(SHOP)],
            env={**inherited, "OTEL_SERVICE_NAME": "shop", "OTEL_LOGS_EXPORTER": "none", **environ},
            capture_output=True,
            text=True,
            timeout=120,
            check=True,
        )
        assert json.loads(done.stdout.splitlines()[-1]) == ANSWERS, done.stderr
        return done.stderr

    return run
