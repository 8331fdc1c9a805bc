"""What the export tests have in common: deliveries to report, and programs that report them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from opentelemetry.trace import Tracer

from outworx_otel.export.retry_policy import RetryPolicy
from outworx_otel.telemetry.semconv import HTTP_METHOD, HTTP_STATUS, PROVIDER

SOURCE = Path(__file__).parents[2] / "src"
# The real policy, only quicker.
QUICK = RetryPolicy(first_wait=0.05, longest_wait=0.2, keep=10.0)


def deliver(tracer: Tracer, count: int = 1, prefix: str = "webhook", **attributes: Any) -> None:
    """Finish spans named `{prefix} {number}`."""
    for number in range(count):
        given = {PROVIDER: "stripe", HTTP_METHOD: "POST", HTTP_STATUS: 200, **attributes}
        tracer.start_span(f"{prefix} {number}", attributes=given).end()


def start_program(code: str, **environ: str) -> subprocess.Popen[str]:
    """A Python process that has our package and prints what it has to say."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
    }
    return subprocess.Popen(  # noqa: S603 - our own program text
        # A fork with threads running is what these tests are about; 3.12 warns of it.
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", code],
        env={**inherited, "PYTHONPATH": str(SOURCE), **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
