"""The registry of our conventions, `model/`: the code's names and values are its own, and what differs is found."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest
from conventions.registry import MODEL, OURS, Registry, registry
from conventions.watch import found_faults
from opentelemetry.semconv import attributes as stable
from opentelemetry.semconv._incubating import attributes as incubating

from outworx_otel.drops.finding import Cause
from outworx_otel.signatures.result import REASONS, ResultKind
from outworx_otel.telemetry import Mark, Record, semconv
from outworx_otel.telemetry._mark import ProcessingStatus
from outworx_otel.telemetry.outcomes import IdempotencyMode, IdempotencyOutcome, Outcome

from .conftest import Scene

Make = Callable[..., Record]
NAMES = {
    value for name, value in vars(semconv).items() if name.isupper() and name not in ("SCOPE", "SCHEMA_URL")
}
DELIVERY = {
    semconv.PROVIDER: "stripe",
    semconv.OUTCOME: "accepted",
    semconv.HTTP_METHOD: "POST",
    semconv.URL_PATH: "/hook",
}
POINT = {semconv.PROVIDER: "stripe", semconv.OUTCOME: "accepted"}


def standard_names() -> Iterator[str]:
    for package in stable, incubating:
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            for _, value in inspect.getmembers(import_module(module.name)):
                if isinstance(value, str):
                    yield value


def test_every_name_of_ours_stands_in_the_registry_and_is_one_of_the_code() -> None:
    ours = {name.removesuffix(".") for name in NAMES if name.startswith(OURS)}
    assert ours == {
        name
        for name in {*registry().attributes, *registry().metrics, *registry().events}
        if name.startswith(OURS)
    }


def test_every_attribute_is_one_of_some_signal() -> None:
    unused = {name for name in registry().attributes if name not in registry().referenced}
    assert not unused


# Older ones do not know all of them.
@pytest.mark.needs("opentelemetry-semantic-conventions >=0.66b1")
def test_the_standard_names_are_those_of_the_code_and_of_opentelemetry() -> None:
    referenced = {name for name in registry().referenced if not name.startswith(OURS)}
    written = {name.removesuffix(".") for name in NAMES if not name.startswith(OURS)}
    # What an event `exception` has is OpenTelemetry's to say.
    assert referenced | {"exception", "exception.stacktrace"} == written
    assert referenced <= set(standard_names())


def test_the_registry_builds_on_the_schema_that_the_code_names() -> None:
    (dependency,) = registry().manifest.dependencies
    assert dependency.schema_url == semconv.SCHEMA_URL
    version = semconv.SCHEMA_URL.rpartition("/")[2]
    assert f"@v{version}[model]" in dependency.registry_path


@pytest.mark.parametrize(
    ("attribute", "values"),
    [
        (semconv.OUTCOME, get_args(Outcome)),
        (semconv.SIGNATURE_REASON, REASONS),
        (semconv.SIGNATURE_KIND, get_args(ResultKind)),
        (semconv.IDEMPOTENCY_OUTCOME, get_args(IdempotencyOutcome)),
        (semconv.IDEMPOTENCY_MODE, get_args(IdempotencyMode)),
        (semconv.PROCESSING_STATUS, get_args(ProcessingStatus)),
        (semconv.SILENT_DROP_CAUSE, get_args(Cause)),
    ],
)
def test_an_enumeration_has_the_codes_values(attribute: str, values: tuple[str, ...]) -> None:
    assert set(registry().attributes[attribute].values) == set(values)


def test_the_metrics_are_described_as_the_registry_does(record: Make, scene: Scene) -> None:
    scene.deliver(record(status=200))
    data = scene.metrics()
    assert data is not None
    (scope,) = data.resource_metrics[0].scope_metrics
    assert scope.schema_url == semconv.SCHEMA_URL
    for metric in scope.metrics:
        known = registry().metrics[metric.name]
        assert (metric.description, metric.unit) == (known.brief, known.unit)
        assert type(metric.data).__name__ == {"counter": "Sum", "histogram": "Histogram"}[known.instrument]


@pytest.mark.parametrize(
    ("name", "kind", "attributes", "said"),
    [
        ("webhook stripe", "CONSUMER", {**DELIVERY, "outworx.webhook.tenant": "a"}, "outworx.webhook.tenant"),
        ("webhook stripe", "CONSUMER", {**DELIVERY, "http.url": "/"}, "http.url"),
        ("webhook stripe", "CONSUMER", {**DELIVERY, semconv.OUTCOME: "fine"}, semconv.OUTCOME),
        ("webhook stripe", "CONSUMER", {**DELIVERY, semconv.DETECTED: "true"}, semconv.DETECTED),
        (
            "webhook stripe",
            "CONSUMER",
            {**DELIVERY, semconv.SIGNATURE_KEY_INDEX: True},
            semconv.SIGNATURE_KEY_INDEX,
        ),
        ("webhook stripe", "CONSUMER", {semconv.PROVIDER: "stripe", semconv.URL_PATH: "/"}, semconv.OUTCOME),
        ("webhook stripe", "CONSUMER", {**DELIVERY, semconv.QUEUE_DELAY: 1.0}, semconv.QUEUE_DELAY),
        ("webhook stripe", "SERVER", DELIVERY, "SERVER"),
        ("webhook github", "CONSUMER", DELIVERY, "webhook github"),
        ("process", "CONSUMER", {semconv.PROVIDER: "stripe"}, semconv.QUEUE_DELAY),
    ],
)
def test_a_span_that_differs_is_told_with_the_attributes_name(
    name: str, kind: str, attributes: Mapping[str, Any], said: str
) -> None:
    assert any(said in fault for fault in registry().faults_of_span(name, kind, attributes))


@pytest.mark.parametrize(
    ("name", "unit", "point", "said"),
    [
        (semconv.METRIC_DELIVERIES, "{delivery}", {**POINT, semconv.EVENT_ID: "evt_1"}, semconv.EVENT_ID),
        (semconv.METRIC_DURATION, "s", {semconv.PROVIDER: "stripe"}, semconv.OUTCOME),
        (semconv.METRIC_DURATION, "ms", POINT, "'ms'"),
        ("outworx.webhook.sizes", "By", POINT, "outworx.webhook.sizes"),
    ],
)
def test_a_metric_that_differs_is_told_with_the_attributes_name(
    name: str, unit: str, point: Mapping[str, Any], said: str
) -> None:
    assert any(said in fault for fault in registry().faults_of_metric(name, unit, [point]))


def test_an_event_that_differs_is_told() -> None:
    assert list(registry().faults_of_event("outworx.webhook.odd", {}))
    assert list(registry().faults_of_event("exception", {"exception.level": "warning"}))
    assert not list(registry().faults_of_event("exception", {"exception.message": "boom"}))


def test_what_a_test_keeps_is_looked_at(record: Make) -> None:
    scene = Scene()
    scene.deliver(record(status=200, outcome="fine", mark=Mark("failed", None, {"ours": 1}, 1)))
    scene.points("deliveries")
    found = found_faults()
    assert len(found) == 3
    assert all("outworx.webhook.outcome" in fault for fault in found)


@pytest.mark.parametrize(
    "wrong",
    [
        "attributes: [{key: outworx.webhook.odd, brief: Odd., stability: development}]",
        "attributes: [{key: outworx.webhook.odd, type: text, brief: Odd., stability: development}]",
        "attributes: [{key: outworx.webhook.odd, type: int, brief: Odd., stability: new}]",
        "attributs: []",
    ],
)
def test_a_file_that_is_not_of_weavers_format_is_an_error(wrong: str, tmp_path: Path) -> None:
    (tmp_path / "manifest.yaml").write_bytes((MODEL / "manifest.yaml").read_bytes())
    (tmp_path / "odd.yaml").write_text(f"file_format: definition/2\n{wrong}\n")
    with pytest.raises(msgspec.ValidationError):
        Registry(tmp_path)
