"""What OpenTelemetry asks of every instrumentation: the points of its checklist that no other file has."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

import flask
import pytest
from django.http import HttpRequest
from opentelemetry.instrumentation.flask import FlaskInstrumentor as OfficialFlask
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.instrumentation.utils import suppress_http_instrumentation
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import Span
from packaging.requirements import Requirement
from starlette.requests import Request
from support import deliveries
from support.calls import PATH, Framework, Witness
from support.deliveries import BODY, JSON, SECRET
from support.project_file import project

import outworx_otel
from outworx_otel import TrackOptions
from outworx_otel.telemetry import semconv

from .conftest import Telemetry
from .flask_apps import FlaskKind

TESTS = Path(__file__).parents[1]
Monitor = Callable[..., None]
SIGNED = {PATH: TrackOptions("stripe", signature_secret=SECRET)}
OURS = [one for one in entry_points(group="opentelemetry_instrumentor") if one.name.startswith("outworx_")]
REQUESTS = (Request, flask.Request, HttpRequest)


class Hooks:
    """A request and a response hook, and what they were given."""

    def __init__(self, raises: bool = False) -> None:
        self.requests: list[Any] = []
        self.responses: list[tuple[Any, Any]] = []
        self._raises = raises

    def request(self, span: Span, request: Any) -> None:
        span.set_attribute("outworx.webhook.metadata.asked", "yes")
        self.requests.append(request)
        if self._raises:
            raise LookupError("a hook's own fault")

    def response(self, span: Span, request: Any, response: Any) -> None:
        span.set_attribute("outworx.webhook.metadata.answered", "yes")
        self.responses.append((request, response))
        if self._raises:
            raise LookupError("a hook's own fault")


def test_hooks_are_given_the_span_and_the_frameworks_own_request_and_answer(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    hooks = Hooks()
    monitor(SIGNED)
    outworx_otel.instrument(request_hook=hooks.request, response_hook=hooks.response)
    assert framework.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    said = telemetry.delivery().attributes or {}
    assert (said["outworx.webhook.metadata.asked"], said["outworx.webhook.metadata.answered"]) == (
        "yes",
        "yes",
    )
    (asked,) = hooks.requests
    ((answered, response),) = hooks.responses
    assert isinstance(asked, REQUESTS)
    assert isinstance(answered, REQUESTS)
    assert getattr(response, "status_code", None) or getattr(response, "status", None) == 200


def test_a_hook_that_raises_is_reported_and_costs_nothing(
    framework: Framework, monitor: Monitor, telemetry: Telemetry, errors: list[Exception]
) -> None:
    hooks = Hooks(raises=True)
    monitor(SIGNED)
    outworx_otel.instrument(request_hook=hooks.request, response_hook=hooks.response)
    assert framework.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    assert telemetry.said("outcome") == "accepted"
    assert len(errors) == 2


def test_a_span_that_is_not_recorded_costs_no_hooks_and_is_verified_and_counted(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    hooks = Hooks()
    unsampled = TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False)
    unsampled.add_span_processor(SimpleSpanProcessor(telemetry.exporter))
    telemetry.tracer_provider = unsampled
    monitor(SIGNED)
    outworx_otel.instrument(request_hook=hooks.request, response_hook=hooks.response)
    app = each.serve(Witness())
    assert app.post(BODY, JSON).status == 401
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert (telemetry.spans(), hooks.requests, hooks.responses) == ([], [], [])
    assert sum(count for _, count in telemetry.points("deliveries")) == 2


def test_excluded_urls_in_code_spare_the_span_and_not_the_verification(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(SIGNED)
    outworx_otel.instrument(excluded_urls="health,webhooks/str")
    app = each.serve(Witness())
    assert app.post(BODY, JSON).status == 401
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert telemetry.spans() == []


def test_what_another_instrumentor_excludes_is_its_own_affair(
    monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_FLASK_EXCLUDED_URLS", "webhooks")
    monitor(SIGNED)
    app = FlaskKind("flask").serve(Witness())
    OfficialFlask().instrument_app(
        app.app, tracer_provider=telemetry.tracer_provider, excluded_urls="webhooks"
    )
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert telemetry.exporter.get_finished_spans() == (telemetry.delivery(),)
    assert telemetry.delivery().parent is None


def test_a_delivery_is_no_span_of_http_that_could_be_there_twice(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(SIGNED)
    with suppress_http_instrumentation():
        assert each.serve(Witness()).post(BODY, deliveries.stripe()).status == 200
    assert len(telemetry.deliveries()) == 1


def test_each_signal_names_the_schema_that_it_keeps_to(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(SIGNED)
    each.serve(Witness()).post(BODY, deliveries.stripe())
    scope = telemetry.delivery().instrumentation_scope
    assert scope is not None
    assert (scope.name, scope.version) == ("outworx_otel", outworx_otel.__version__)
    assert scope.schema_url == semconv.SCHEMA_URL


def test_what_was_switched_off_leaves_no_span_and_can_be_switched_on_again(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    app = framework.serve(Witness())
    for count in 1, 2:
        monitor(SIGNED)
        assert app.post(BODY, deliveries.stripe()).status == 200
        outworx_otel.uninstrument()
        assert app.post(BODY, deliveries.stripe()).status == 200
        assert len(telemetry.spans()) == count


@pytest.fixture(params=OURS, ids=lambda one: one.name)
def instrumentor(request: pytest.FixtureRequest) -> Iterator[BaseInstrumentor]:
    """Each one that OpenTelemetry's loader finds, switched off again after the test."""
    entry_point: EntryPoint = request.param
    found = entry_point.load()()
    yield found
    if found.is_instrumented_by_opentelemetry:
        found.uninstrument()


def test_there_is_an_instrumentor_for_each_framework_and_queue() -> None:
    assert {one.name for one in OURS} == {
        f"outworx_{Requirement(one).name}" for one in project()["optional-dependencies"]["instruments-any"]
    }


def test_an_instrumentor_is_one_of_opentelemetrys_and_names_what_it_is_for(
    instrumentor: BaseInstrumentor,
) -> None:
    assert isinstance(instrumentor, BaseInstrumentor)
    assert type(instrumentor)() is instrumentor
    (needed,) = map(Requirement, instrumentor.instrumentation_dependencies())
    declared = [Requirement(one) for one in project()["optional-dependencies"]["instruments-any"]]
    assert needed.specifier == next(one.specifier for one in declared if one.name == needed.name)


def test_an_instrumentor_takes_both_providers_and_patches_once_and_puts_everything_back(
    instrumentor: BaseInstrumentor, telemetry: Telemetry
) -> None:
    before = patched(instrumentor)
    for _ in range(2):
        given = {"tracer_provider": telemetry.tracer_provider, "meter_provider": telemetry.meter_provider}
        instrumentor.instrument(**given)
        switched_on = patched(instrumentor)
        assert switched_on != before
        instrumentor.instrument(**given)
        assert patched(instrumentor) == switched_on
        instrumentor.uninstrument()
        instrumentor.uninstrument()
        assert patched(instrumentor) == before


def test_the_checklist_names_tests_that_there_are() -> None:
    _, _, section = (TESTS.parent / "CONTRIBUTING.md").read_text().partition("## What OpenTelemetry asks")
    named = set(re.findall(r"`((?:\w+/)*test_\w+(?:\.py)?)`", section.partition("\n## ")[0]))
    files = {name for name in named if name.endswith(".py")}
    assert len(named) > 20
    assert {name for name in files if not (TESTS / name).exists()} == set()
    written = "".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    assert {name for name in named - files if f"def {name}(" not in written} == set()


def patched(instrumentor: BaseInstrumentor) -> list[Any]:
    """What an instrumentor's patches and signals lead to, by identity."""
    if type(instrumentor).__name__ == "CeleryInstrumentor":
        from celery import signals

        return [
            [id(receiver) for _, receiver in signal.receivers or ()]
            for signal in (signals.before_task_publish, signals.task_prerun, signals.task_postrun)
        ]
    patches = getattr(instrumentor, "patches", ()) or instrumentor._patches
    return [
        one._signal.has_listeners() if hasattr(one, "_signal") else id(vars(one._owner).get(one._name))
        for one in patches
    ]
