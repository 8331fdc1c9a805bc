"""The standard names are those of the newest semantic conventions that are installed."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
from opentelemetry.semconv._incubating.attributes import cloudevents_attributes
from opentelemetry.semconv.attributes import (
    code_attributes,
    error_attributes,
    exception_attributes,
    http_attributes,
    url_attributes,
)
from opentelemetry.semconv.schemas import Schemas

from outworx_otel.telemetry import Record, semconv

from .conftest import Scene

STANDARD = {
    module.__name__: {value for _, value in inspect.getmembers(module) if isinstance(value, str)}
    for module in (
        cloudevents_attributes,
        code_attributes,
        error_attributes,
        exception_attributes,
        http_attributes,
        url_attributes,
    )
}


# Older ones do not know the schema yet.
@pytest.mark.needs("opentelemetry-semantic-conventions >=0.66b1")
def test_the_schema_is_the_newest_that_is_known() -> None:
    def version(url: str) -> tuple[int, ...]:
        return tuple(map(int, url.rpartition("/")[2].split(".")))

    assert max((schema.value for schema in Schemas), key=version) == semconv.SCHEMA_URL


@pytest.mark.parametrize(
    "name",
    [
        value
        for name, value in vars(semconv).items()
        if isinstance(value, str)
        and name.isupper()
        and value.startswith(("http.", "url.", "code.", "error.", "exception.", "cloudevents."))
        and name not in ("HTTP_BODY_SIZE", "HTTP_REQUEST_HEADER_PREFIX")
    ],
)
def test_a_standard_name_is_one(name: str) -> None:
    assert any(name in names for names in STANDARD.values())


@pytest.mark.parametrize(
    ("method", "told", "original"),
    [
        ("POST", "POST", None),
        ("TRACE", "TRACE", None),
        ("post", "POST", "post"),
        ("REPORT", "_OTHER", "REPORT"),
        ("", "_OTHER", ""),
        ("x" * 600_000, "_OTHER", "x" * 64),
    ],
)
def test_a_method_is_one_of_the_known_names(
    method: str, told: str, original: str | None, record: Callable[..., Record], scene: Scene
) -> None:
    said = scene.deliver(record(method=method, status=200)).attributes or {}
    assert said["http.request.method"] == told
    assert said.get("http.request.method_original") == original
