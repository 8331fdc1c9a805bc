"""However often and by whom it is set up: a webhook span arrives at an endpoint once, where `init()` says."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.receiver import Receiver

from .test_processes import run

OWN_PROVIDERS = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
metrics.set_meter_provider(MeterProvider())
"""
BY_HAND = """
from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from outworx_otel.export import OutworxMetricExporter, OutworxSpanProcessor
reader = PeriodicExportingMetricReader(OutworxMetricExporter("ohk_by_hand"))
metrics.set_meter_provider(MeterProvider([reader]))
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
trace.get_tracer_provider().add_span_processor(OutworxSpanProcessor("ohk_by_hand"))
"""
BY_HAND_IN_A_BATCH = (
    OWN_PROVIDERS
    + """
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from outworx_otel.export import OutworxSpanExporter
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OutworxSpanExporter("ohk_by_hand")))
"""
)
ZERO_CODE = """
import os
os.environ.update(OTEL_TRACES_EXPORTER="outworx", OTEL_METRICS_EXPORTER="outworx")
from opentelemetry.distro import OpenTelemetryConfigurator
OpenTelemetryConfigurator().configure(auto_instrumentation_version="1")
"""
INSTRUMENT = """
import outworx_otel
from outworx_otel.integrations.flask import FlaskInstrumentor
FlaskInstrumentor().instrument()
"""
INIT = """
import outworx_otel
outworx_otel.init("ohk_init")
"""
AGAIN = """
outworx_otel.init("ohk_again")
"""
# To add endpoints, say: the environment's key is no reason to send twice.
WITHOUT_A_KEY = """
outworx_otel.init(endpoints={"/other": {"provider": "stripe"}})
"""
DELIVERING = """
from outworx_otel.integrations.flask import FlaskInstrumentor
FlaskInstrumentor().instrument()
from flask import Flask
app = Flask("app")
@app.post("/hook")
@outworx_otel.webhook("github")
def hook(): return "ok"
app.test_client().post("/hook", data=b"{}")
"""
ELSEWHERE = """
outworx_otel.init("ohk_init", os.environ["ELSEWHERE"])
"""
AFTERWARDS = """
outworx_otel.init("ohk_again")
app.test_client().post("/hook", data=b"{}")
"""
WAYS = {
    "instrument, init": (OWN_PROVIDERS + INSTRUMENT + INIT, "ohk_init"),
    "instrument, first delivery, init": (INSTRUMENT + INIT, "ohk_init"),
    "init, instrument": (INIT + INSTRUMENT, "ohk_init"),
    "init, init": (INIT + AGAIN, "ohk_again"),
    "init, init, with providers": (OWN_PROVIDERS + INIT + AGAIN, "ohk_again"),
    "init, init without a key": (INIT + WITHOUT_A_KEY, "ohk_init"),
    "init, zero code": (INIT + ZERO_CODE, "ohk_init"),
    "zero code, init": (ZERO_CODE + INIT, "ohk_init"),
    "by hand, init": (BY_HAND + INIT, "ohk_init"),
    "by hand in a batch processor, init": (BY_HAND_IN_A_BATCH + INIT, "ohk_init"),
    "by hand, instrument, init": (BY_HAND + INSTRUMENT + INIT, "ohk_init"),
}
OTHERS = {
    "elsewhere": OWN_PROVIDERS + INSTRUMENT + ELSEWHERE + DELIVERING,
    "two endpoints": INIT + ELSEWHERE + DELIVERING,
    "afterwards": INIT + DELIVERING + AFTERWARDS,
}
PROGRAMS = {**{way: program + DELIVERING for way, (program, _) in WAYS.items()}, **OTHERS}
# Each in a process that is set up anew. Forked, because importing it all takes seconds.
EACH = """
import json, os, sys
import flask, outworx_otel, outworx_otel.export, outworx_otel.integrations.flask, opentelemetry.sdk.metrics.export
import opentelemetry.sdk.trace.export, opentelemetry.distro, opentelemetry.exporter.otlp.proto.http.trace_exporter
endpoint = os.environ["OUTWORX_ENDPOINT"]
for number, program in enumerate(json.load(open("programs.json"))):
    child = os.fork()
    if not child:
        sys.stderr = open(f"{number}.log", "w", buffering=1)
        os.environ.update(OUTWORX_ENDPOINT=f"{endpoint}/{number}", ELSEWHERE=f"{endpoint}/{number}/elsewhere")
        exec(program, {"os": os})
        sys.exit()
    os.waitpid(child, 0)
"""


class Run:
    """What arrived in each of the ways, and what was said there."""

    def __init__(self, receiver: Receiver, directory: Path) -> None:
        self._receiver, self._directory = receiver, directory

    def arrived(self, way: str, at: str = "") -> list[tuple[str, str]]:
        """Each webhook span and each count of deliveries, with the key that brought it."""
        found = []
        signals = [f"/{list(PROGRAMS).index(way)}{at}/v1/{signal}" for signal in ("traces", "metrics")]
        for call in self._receiver.calls:
            if call.path in signals:
                key = call.headers["authorization"].removeprefix("Bearer ")
                found += [("span", key) for span in call.spans() if span.name.startswith("webhook")]
                for metric in call.metrics():
                    if metric.name == "outworx.webhook.deliveries":
                        found += [("count", key) for point in metric.sum.data_points if point.as_int]
        return sorted(found)

    def said(self, way: str) -> str:
        return (self._directory / f"{list(PROGRAMS).index(way)}.log").read_text()


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    directory = tmp_path_factory.mktemp("one_export")
    (directory / "programs.json").write_text(json.dumps(list(PROGRAMS.values())))
    receiver = Receiver().start()
    environ = {"OUTWORX_API_KEY": "ohk_environment", "OUTWORX_ENDPOINT": receiver.endpoint}
    command = (sys.executable, "-W", "ignore::DeprecationWarning", "-c", EACH)
    done = run(directory, *command, seconds=300, **environ)
    assert done.returncode == 0, done.stderr
    yield Run(receiver, directory)
    receiver.stop()


@pytest.mark.parametrize("way", WAYS)
def test_a_delivery_arrives_once_and_with_the_key_of_init(way: str, ran: Run) -> None:
    key = WAYS[way][1]

    assert ran.arrived(way) == [("count", key), ("span", key)], ran.said(way)
    assert "Traceback" not in ran.said(way)


def test_what_init_says_in_code_is_not_sent_to_the_environments_endpoint_as_well(ran: Run) -> None:
    assert ran.arrived("elsewhere", "/elsewhere") == [("count", "ohk_init"), ("span", "ohk_init")]
    assert ran.arrived("elsewhere") == []
    assert ran.said("elsewhere").count("as init() says, no longer to http") == 1


def test_two_endpoints_that_code_names_both_get_it(ran: Run) -> None:
    assert ran.arrived("two endpoints") == [("count", "ohk_init"), ("span", "ohk_init")]
    assert ran.arrived("two endpoints", "/elsewhere") == [("count", "ohk_init"), ("span", "ohk_init")]


def test_what_ended_before_is_still_sent_where_it_was_to_go(ran: Run) -> None:
    spans = [one for one in ran.arrived("afterwards") if one[0] == "span"]
    assert spans == [("span", "ohk_again"), ("span", "ohk_init")]
    assert ran.said("afterwards").count("no longer with another one") == 1
