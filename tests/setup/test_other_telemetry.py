"""Other telemetry in the process, set up before ours or after it: both go on, and a delivery is one span in each."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.receiver import Receiver
from support.scale import rows

from .test_processes import run

SITE = Path(__file__).parent / "sites" / "beside.py"
WEBHOOK = "webhook shop"
DATADOG = {
    "DD_TRACE_OTEL_ENABLED": "true",
    "DD_INSTRUMENTATION_TELEMETRY_ENABLED": "false",
    "DD_REMOTE_CONFIGURATION_ENABLED": "false",
    "DD_TRACE_STARTUP_LOGS": "false",
}


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    started = Receiver(checked=False).start()
    yield started
    started.stop()


@pytest.fixture
def collector() -> Iterator[Receiver]:
    """Where Sentry's OTLP integration exports to."""
    started = Receiver().start()
    yield started
    started.stop()


# Who; how many webhook spans they get where they are set up first, and where we are. What is set up after `init()`
# is no longer the global provider, unless it adds itself to ours.
OTHERS = {
    "logfire": (1, 0),
    "logfire_twice": (1, 0),
    "sentry": (0, 0),
    "sentry_otlp": (1, 1),
    "datadog": (1, 0),
    "wrapped": (1, 0),
    "wrapped_and_raising": (1, 0),
    "old_signature": (0, 0),
    "records_nothing": (0, 0),
}
# Each takes seconds; these stand for the kinds.
SOME = [
    ("logfire", "they"),
    ("logfire", "we"),
    ("sentry_otlp", "they"),
    ("sentry_otlp", "we"),
    ("datadog", "they"),
    ("wrapped_and_raising", "they"),
]
OTHER = [(who, first) for who in OTHERS for first in ("they", "we") if (who, first) not in SOME]
DISTRIBUTIONS = {"logfire": "logfire >=4", "sentry": "sentry-sdk >=2.40", "datadog": "ddtrace >=4"}


def needing(who: str, first: str) -> Any:
    needed = DISTRIBUTIONS.get(who.partition("_")[0])
    return pytest.param(who, first, marks=[pytest.mark.needs(needed)] if needed else [])


@pytest.mark.parametrize(("who", "first"), rows(*([needing(*one) for one in some] for some in (SOME, OTHER))))
def test_a_delivery_is_answered_and_is_one_span_in_each(
    who: str, first: str, receiver: Receiver, collector: Receiver, tmp_path: Path
) -> None:
    environ = {
        "OUTWORX_HOOKS_ENDPOINT": receiver.endpoint,
        "SENTRY_COLLECTOR": f"{collector.endpoint}/v1/traces",
        **(DATADOG if who == "datadog" else {}),
    }
    done = run(tmp_path, sys.executable, str(SITE), who, first, **environ)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert "answer 200" in done.stdout
    assert receiver.span_names() == [WEBHOOK], done.stderr
    names = {metric.name for call in receiver.calls for metric in call.metrics()}
    assert "outworx.webhook.deliveries" in names
    theirs = collector.span_names().count(WEBHOOK) if who == "sentry_otlp" else None
    printed = int(done.stdout.split("theirs ")[1])
    assert (printed if theirs is None else theirs) == OTHERS[who][first == "we"]
