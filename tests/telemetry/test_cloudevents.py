"""`cloudevents.*` stands on a span only where the request is a CloudEvent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outworx_otel.http.body import Body
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.cloudevents import CloudEvent, event_in_body

from .conftest import Scene

Make = Callable[..., Record]
BINARY = {"ce-specversion": "1.0", "ce-id": "a-1", "ce-type": "order.paid", "ce-source": "/shop"}
STRUCTURED = "application/cloudevents+json"


def said(scene: Scene, given: Record) -> dict[str, Any]:
    span = scene.deliver(given)
    return {name: value for name, value in (span.attributes or {}).items() if name.startswith("cloudevents.")}


@pytest.mark.parametrize("headers", [BINARY, {name.upper(): value for name, value in BINARY.items()}])
def test_binary_mode_is_told(headers: dict[str, str], record: Make, scene: Scene) -> None:
    given = record(headers.items(), event_type="of the body", event_id="of the body", status=200)
    assert said(scene, given) == {
        "cloudevents.event_type": "order.paid",
        "cloudevents.event_id": "a-1",
        "cloudevents.event_source": "/shop",
    }


def test_escapes_in_headers_are_undone(record: Make, scene: Scene) -> None:
    given = record({**BINARY, "ce-source": "/caf%C3%A9"}.items(), status=200)
    assert said(scene, given)["cloudevents.event_source"] == "/café"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"ce-id": "1", "ce-type": "t", "ce-source": "/s"},
        *({k: v for k, v in BINARY.items() if k != name} for name in BINARY),
        {**BINARY, "ce-id": ""},
        {**BINARY, "content-type": "application/cloudevents-batch+json"},
        {**BINARY, "content-type": "application/cloudevents+json; charset=utf-8"},
        {"ce-source": "/acct/1"},
    ],
)
def test_what_is_no_cloud_event_has_none_of_the_three(
    headers: dict[str, str], record: Make, scene: Scene
) -> None:
    assert (
        said(scene, record(headers.items(), event_type="charge.succeeded", event_id="evt_1", status=200))
        == {}
    )


@pytest.mark.parametrize(
    ("content_type", "body", "expected"),
    [
        (
            f"{STRUCTURED}; charset=UTF-8",
            b'{"specversion": "1.0", "type": "t", "id": "i", "source": "/s", "data": {"id": "x"}}',
            CloudEvent("t", "i", "/s"),
        ),
        (STRUCTURED, b'{"type": "t", "id": "i", "source": "/s"}', None),
        (STRUCTURED, b'{"specversion": "1.0", "type": "t", "id": 7, "source": "/s"}', None),
        (STRUCTURED, b'{"specversion": "1.0", "type": "t", "id": "", "source": "/s"}', None),
        (STRUCTURED, b'[{"specversion": "1.0", "type": "t", "id": "i", "source": "/s"}]', None),
        (STRUCTURED, b"\xff\x00", None),
        ("application/cloudevents-batch+json", b'[{"specversion": "1.0"}]', None),
        ("application/json", b'{"specversion": "1.0", "type": "t", "id": "i", "source": "/s"}', None),
    ],
)
def test_structured_mode_is_read_from_the_body(
    content_type: str, body: bytes, expected: CloudEvent | None, record: Make, scene: Scene
) -> None:
    event = event_in_body(Body(body, content_type))
    assert event == expected
    given = record({"content-type": content_type}.items(), cloud_event=event, status=200)
    assert len(said(scene, given)) == (3 if expected else 0)


def test_what_strangers_write_into_them_is_bounded(record: Make, scene: Scene) -> None:
    given = record(dict.fromkeys(BINARY, "é" * 100000).items(), status=200)
    assert all(len(value.encode()) <= 1024 for value in said(scene, given).values())
