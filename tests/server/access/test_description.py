"""The OpenAPI description, held against the server: schemathesis makes requests from it and judges the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import schemathesis
from hypothesis import Phase, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from starlette.routing import Route
from support.scale import FULL, scaled
from support.serve_command import PATIENCE, Command

from outworx_otel.server import description as description_room
from outworx_otel.server.app import Application
from outworx_otel.server.description import description
from outworx_otel.version import __version__

from .scene import KEY, WITH_KEY, client

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


SCHEMA = schemathesis.openapi.from_dict(json.loads(description()))
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
CASES = [
    (operation, mode)
    for operation in OPERATIONS
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    # The second address of OTLP has the same code behind it.
    if FULL or not operation.path.startswith("/api/ingest/v1/")
    # Where nothing is asked for, nothing can be wrong.
    if mode is GenerationMode.POSITIVE or len(operation.body) or len(operation.query)
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    command = Command(tmp_path_factory.mktemp("described"), ("--api-key", KEY)).start()
    yield command
    command.kill()


@pytest.mark.parametrize(
    ("operation", "mode"), CASES, ids=lambda part: getattr(part, "label", None) or part.value
)
def test_every_call_answers_as_described(
    server: Command, operation: APIOperation[Any, Any, Any, Any], mode: GenerationMode
) -> None:
    # What was generated is told as it is: making it smaller takes minutes.
    @settings(max_examples=scaled(200, 3), phases=[Phase.generate])
    @given(case=operation.as_strategy(generation_mode=mode))
    def asked(case: schemathesis.Case) -> None:
        # Lists in a query, over and over: an HTTP server reads no head of 64 KiB.
        assume(len(urlencode(case.query or {}, doseq=True)) < 50_000)
        case.call_and_validate(base_url=server.url, headers=WITH_KEY, checks=CHECKS, timeout=PATIENCE)

    asked()


def test_every_json_call_is_described(app: Application) -> None:
    document = json.loads(description())
    documented = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method in ("get", "post", "delete", "put", "patch")
    }
    served_calls = {
        (method, re.sub(r"\{(\w+)(:\w+)?\}", r"{\1}", route.path))
        for route in app.routes
        if isinstance(route, Route) and route.path.startswith(("/api/", "/v1/", "/healthz"))
        for method in (route.methods or ())
        if method != "HEAD" and not route.path.endswith("/v1/logs")
    }
    assert documented == served_calls


def test_the_description_is_stamped_with_the_version(app: Application) -> None:
    answer = client(app).get("/api/openapi.json", headers=WITH_KEY).json()
    assert answer["info"]["version"] == __version__


def test_every_schema_is_asked_for_and_those_of_structs_are_made_of_them() -> None:
    document = json.loads(description())
    schemas = document["components"]["schemas"]
    asked_for = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert asked_for == set(schemas)
    by_hand = json.loads((Path(description_room.__file__).parent / "openapi.json").read_bytes())
    structs = {struct.__name__ for struct in description_room.DESCRIBED}
    assert structs & set(by_hand["components"]["schemas"]) == set()
    told = {
        name
        for part in ("Summary", "DeliveryVerdict", "WholeDelivery")
        for name in schemas[part]["properties"]
    }
    assert {"why", "headline", "stages", "service.name", "same_event", "signature.reason"} <= told
