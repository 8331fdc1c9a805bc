"""Requests that were addressed to a webhook and never became a delivery."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.trace import StatusCode
from support.own_clock import set_clock

from outworx_otel.telemetry import Record
from outworx_otel.telemetry.outcomes import Outcome

from .conftest import FORGED, GENUINE, Scene

Make = Callable[..., Record]

LOST: list[tuple[Outcome, int, dict[str, Any], str]] = [
    (
        "unrouted",
        404,
        {"nearest_route": "/hooks/stripe"},
        "unrouted: nothing serves this path; nearest route is",
    ),
    ("unrouted", 404, {}, "check the address that the provider has"),
    ("unrouted", 405, {}, "this path is not served with POST"),
    ("redirected", 308, {}, "answered 308, which few providers follow"),
    ("turned_away", 403, {}, "answered 403 before the handler"),
    ("error", 500, {"error": RuntimeError("the slash is missing")}, "RuntimeError: the slash is missing"),
]


@pytest.mark.parametrize(("outcome", "status", "known", "said"), LOST)
def test_what_was_proved_genuine_is_an_error_that_says_what_to_do(
    outcome: Outcome, status: int, known: dict[str, Any], said: str, record: Make, scene: Scene
) -> None:
    scene.telemetry.report(record(outcome=outcome, status=status, signature=GENUINE, **known))
    (span,) = scene.spans
    assert span.name == "webhook stripe"
    assert span.end_time is not None
    assert span.attributes is not None
    assert span.status.status_code is StatusCode.ERROR
    assert said in (span.status.description or "")
    assert span.attributes["error.type"] == span.attributes["outworx.webhook.outcome"] == outcome
    assert span.attributes["http.response.status_code"] == status
    assert span.attributes.get("outworx.webhook.nearest_route") == known.get("nearest_route")


@pytest.mark.parametrize("signature", [None, FORGED])
@pytest.mark.parametrize(("outcome", "status", "known", "said"), LOST)
def test_what_was_not_is_no_error(
    outcome: Outcome,
    status: int,
    known: dict[str, Any],
    said: str,
    signature: Any,
    record: Make,
    scene: Scene,
) -> None:
    scene.telemetry.report(record(outcome=outcome, status=status, signature=signature, **known))
    (span,) = scene.spans
    assert span.attributes is not None
    assert span.status.status_code is StatusCode.UNSET
    assert "error.type" not in span.attributes
    assert span.attributes["http.response.status_code"] == status
    assert ("outworx.webhook.signature.valid" in span.attributes) == (signature is not None)


@pytest.mark.parametrize("outcome", ["accepted", "handshake"])
def test_what_something_else_answered_well_is_no_error_though_it_is_genuine(
    outcome: Outcome, record: Make, scene: Scene
) -> None:
    scene.telemetry.report(record(outcome=outcome, status=200, signature=GENUINE))
    (span,) = scene.spans
    assert span.status.status_code is StatusCode.UNSET


def test_a_flood_that_is_not_proved_genuine_is_counted_in_full_and_traced_in_part(
    record: Make, scene: Scene
) -> None:
    for number in range(50):
        scene.telemetry.report(record(path=f"/scan/{number}", outcome="unrouted", status=404))
        scene.telemetry.report(record(provider="github", outcome="turned_away", status=403, signature=FORGED))
    assert Counter(span.name for span in scene.spans) == {"webhook stripe": 10, "webhook github": 10}
    points = scene.points("deliveries")
    assert sum(count for _, count in points) == 100
    assert len(points) == 2
    assert all("http.route" not in point for point, _ in points)
    assert "/scan/" not in str(points) + str(scene.points("duration"))


def test_a_flood_leaves_room_for_what_is_genuine(record: Make, scene: Scene) -> None:
    for _ in range(50):
        scene.telemetry.report(record(outcome="unrouted", status=404))
    for _ in range(20):
        scene.telemetry.report(record(outcome="unrouted", status=404, signature=GENUINE))
    assert sum(span.status.status_code is StatusCode.ERROR for span in scene.spans) == 20


def test_the_next_second_has_an_allowance_of_its_own(
    record: Make, scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    for second in (2000.0, 2000.9, 2001.1):
        set_clock(monkeypatch, "telemetry._allowance", lambda now=second: now)  # type: ignore[misc]
        for _ in range(8):
            scene.telemetry.report(record(outcome="unrouted", status=404))
    assert len(scene.spans) == 10 + 8


def test_strangers_cannot_have_a_span_for_each_name_that_they_think_of(record: Make, scene: Scene) -> None:
    for number in range(2000):
        scene.telemetry.report(record(provider=f"p{number}", outcome="unrouted", status=404))
    assert len(scene.spans) < 300
