"""Where spans go without `init()`: what the environment names, and never in the way of the application's provider."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from outworx_otel.setup import launching

from .test_processes import run

MOUNTING = {
    "adapter": """
from flask import Flask
from outworx_otel import TrackOptions
from outworx_otel.integrations.flask import with_webhook_monitoring
app = Flask("app")
@app.post("/hook")
@with_webhook_monitoring(TrackOptions("github"))
def hook(): return "ok"
""",
    "instrument": """
from flask import Flask
from outworx_otel import instrument, webhook
instrument()
app = Flask("app")
@app.post("/hook")
@webhook("github")
def hook(): return "ok"
""",
}
DELIVERING = """
from opentelemetry import trace
before = type(trace.get_tracer_provider()).__name__
app.test_client().post("/hook", data=b"{}")
provider = trace.get_tracer_provider()
names = [type(one).__name__ for one in provider._active_span_processor._span_processors]
print(before, type(provider).__name__, names, flush=True)
# Nobody listens there: the spans are none of this test's business.
import os
os._exit(0)
"""
OWN_PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
class Own(TracerProvider): pass
trace.set_tracer_provider(Own())
"""
NOBODY = {"OUTWORX_ENDPOINT": "http://127.0.0.1:9", "OUTWORX_EXIT_FLUSH": "false"}


@pytest.mark.parametrize("mounted", MOUNTING)
def test_without_init_the_first_delivery_begins_the_export(mounted: str, tmp_path: Path) -> None:
    done = python(tmp_path, MOUNTING[mounted] + DELIVERING)

    assert done.stdout == "ProxyTracerProvider TracerProvider ['OutworxSpanProcessor']\n", done.stderr
    assert "spans go to http://127.0.0.1:9" in done.stderr


@pytest.mark.parametrize("mounted", MOUNTING)
def test_an_application_that_makes_its_provider_later_keeps_it(mounted: str, tmp_path: Path) -> None:
    done = python(tmp_path, MOUNTING[mounted] + OWN_PROVIDER + DELIVERING)

    assert done.stdout == "Own Own ['OutworxSpanProcessor']\n", done.stderr
    assert "Overriding" not in done.stderr


def python(directory: Path, program: str) -> subprocess.CompletedProcess[str]:
    return run(directory, sys.executable, "-c", program, **NOBODY)


@pytest.fixture
def variables(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)
    # So that what is set in the test is taken back.
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER"):
        monkeypatch.setenv(name, "")
    return monkeypatch


@pytest.mark.parametrize("variable", ["OUTWORX_ENDPOINT", "OUTWORX_HOOKS_ENDPOINT", "OUTWORX_API_KEY"])
def test_a_destination_without_a_choice_of_exporters_gets_ours_beside_the_default(
    variable: str, variables: pytest.MonkeyPatch
) -> None:
    variables.setenv(variable, "http://127.0.0.1:9")

    launching.name_exporters()

    assert os.environ["OTEL_TRACES_EXPORTER"] == os.environ["OTEL_METRICS_EXPORTER"] == "otlp,outworx"


@pytest.mark.parametrize("chosen", ["none", "otlp", "console"])
def test_a_choice_of_exporters_stands(chosen: str, variables: pytest.MonkeyPatch) -> None:
    variables.setenv("OUTWORX_ENDPOINT", "http://127.0.0.1:9")
    variables.setenv("OTEL_TRACES_EXPORTER", chosen)

    launching.name_exporters()

    assert os.environ["OTEL_TRACES_EXPORTER"] == chosen


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"OUTWORX_ENDPOINT": "http://x:1", "OTEL_CONFIG_FILE": "otel.yaml"},
        {"OUTWORX_ENDPOINT": "http://x:1", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x:1"},
    ],
    ids=["no destination", "a file says so", "the default sends there"],
)
def test_elsewhere_nothing_is_put_beside_it(given: dict[str, str], variables: pytest.MonkeyPatch) -> None:
    for name, value in given.items():
        variables.setenv(name, value)

    launching.name_exporters()

    assert os.environ["OTEL_TRACES_EXPORTER"] == ""
