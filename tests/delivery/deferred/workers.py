"""Worker processes, and their spans as the receiver got them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from support.receiver import Receiver

from .conftest import SECRET

SITES = Path(__file__).parent / "sites"
PATIENCE = 60.0


def environment(receiver: Receiver, **more: str) -> dict[str, str]:
    """What web process and worker have in common."""
    ours = ("OTEL_", "OUTWORX_", "PYTEST_", "RQ_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(ours)},
        "PYTHONPATH": str(SITES),
        "OUTWORX_HOOKS_ENDPOINT": receiver.endpoint,
        "OUTWORX_HOOKS_API_KEY": "ohk_deferred",
        "OUTWORX_TOKEN_SECRET": SECRET,
        **more,
    }


def run_to_its_end(command: Sequence[str], directory: Path, environ: dict[str, str]) -> str:
    """What a process that has to end well wrote."""
    run = subprocess.run(  # noqa: S603  # our own programs, our own Python
        [sys.executable, "-W", "ignore::DeprecationWarning", *command],
        cwd=directory,
        env=environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert run.returncode == 0, run.stdout
    return run.stdout


class Arrived:
    """A span as it came over the wire."""

    def __init__(self, span: Any) -> None:
        self.name: str = span.name
        self.began: int = span.start_time_unix_nano
        self.identity = (span.trace_id, span.span_id)
        self.links = [(link.trace_id, link.span_id) for link in span.links]
        self.is_error = span.status.code == 2
        self.why: str = span.status.message
        self.events: list[str] = [event.name for event in span.events]
        self._attributes = {entry.key: entry.value for entry in span.attributes}

    def said(self, name: str) -> Any:
        value = self._attributes.get(name) or self._attributes.get(f"outworx.webhook.{name}")
        return None if value is None else getattr(value, value.WhichOneof("value"))


def arrived(receiver: Receiver, name: str, count: int, seconds: float = 60.0) -> list[Arrived]:
    """Exactly so many spans of a name, as soon as they are there."""
    assert receiver.wait_for(lambda here: here.span_names().count(name) >= count, seconds), (
        f"{receiver.span_names()} instead of {count} times {name!r}"
    )
    found = [Arrived(span) for call in receiver.calls for span in call.spans() if span.name == name]
    assert len(found) == count
    return found
