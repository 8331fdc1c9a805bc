"""Whether `opentelemetry-instrument` comes to load ours where somebody else's set-up runs before: tried, not guessed.

A vendor's distribution or configurator that raises (for want of its key, say) ends the launcher's work: it logs one
traceback and starts the application, with no instrumentor loaded and nobody at the configured endpoints.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.dev.application import instrumented
from outworx_otel.cli.doctor.check_result import CheckResult, hint, ok, problem
from outworx_otel.cli.doctor.entries import installed
from outworx_otel.cli.doctor.instrumentors import loaded, origin
from outworx_otel.cli.doctor.source_scan import SWITCHING, listed
from outworx_otel.telemetry.redaction import scrub

if TYPE_CHECKING:
    from outworx_otel.cli.doctor.configured_setup import ConfiguredSetup

CHECK: Final = "launch"
_GROUPS: Final = ("opentelemetry_distro", "opentelemetry_configurator", "opentelemetry_pre_instrument")
# OpenTelemetry's own is tried here with every release.
_KNOWN: Final = "opentelemetry-distro"
_OURS: Final = "outworx_"
# It ends without their goodbyes: nothing is sent, and nobody waits for a receiver.
_PROBE: Final = (
    "import os, sys; "
    "print(*(name for name in sys.modules if name.startswith('outworx_otel.integrations.')), flush=True); "
    "os._exit(0)"
)
# Of a vendor's set-up on a small machine.
PATIENCE: Final = 30.0
_LONGEST: Final = 200


def launch(setup: ConfiguredSetup) -> Iterator[CheckResult]:
    """Starts `opentelemetry-instrument` once, without the application, where others take part in it."""
    others = sorted({origin(entry) for group in _GROUPS for entry in installed(group)} - {_KNOWN})
    expected = [name for name in loaded() if name.startswith(_OURS)]
    if not others or not expected:
        return
    started = f"opentelemetry-instrument with {', '.join(others)}"
    command = instrumented([sys.executable, "-c", _PROBE])
    if command[0] == sys.executable:
        yield hint(CHECK, f"{started} was not tried: the command was not found")
        return
    try:
        done = subprocess.run(  # noqa: S603  # the launcher of this environment
            command, capture_output=True, text=True, errors="replace", timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        yield hint(CHECK, f"{started} was tried for {PATIENCE:g} s, and did not come to the application")
        return
    came = set(done.stdout.split())
    missing = [
        name for name in expected if f"outworx_otel.integrations.{name.removeprefix(_OURS)}" not in came
    ]
    if missing:
        yield _not_loaded(f"{started} does not load {', '.join(missing)}{_why(done.stderr)}", setup)
    else:
        yield ok(CHECK, f"{started} loads {', '.join(expected)}")


def _not_loaded(said: str, setup: ConfiguredSetup) -> CheckResult:
    switching = [place for place in setup.source_lines if place.name in SWITCHING]
    if switching:
        return hint(CHECK, f"{said}; {listed(switching)} calls instrument(), which switches ours on")
    where = ", ".join(setup.verifying)
    return problem(
        CHECK,
        f"{said}, so " + (f"nobody guards {where}" if where else "deliveries have no spans"),
        "give it what it asks for, or call outworx_otel.init() and instrument() in the application",
        unguarded=bool(where),
    )


def _why(errors: str) -> str:
    """The last line of the traceback that the launcher wrote, which names the error."""
    lines = [line.strip() for line in errors.splitlines() if line.strip()]
    raised = [line for line in lines if "Error" in line.split(":")[0] or "Exception" in line.split(":")[0]]
    return f" ({scrub(raised[-1])[:_LONGEST]})" if raised else ""
