"""Limits that an operator sets for the SDK, and clocks that jump: the verdict stays, and no time is negative."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from outworx_otel.telemetry import Mark, Record, Telemetry
from outworx_otel.telemetry._deferral import Deferral

from .conftest import FORGED, GENUINE, Scene

Make = Callable[..., Record]

SMALL = ["8", "16", "32"]


@pytest.fixture(params=SMALL)
def limited(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, scene: Scene) -> Scene:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", request.param)
    return Scene()


def test_a_small_limit_of_attributes_costs_headers_and_metadata_and_not_the_verdict(
    limited: Scene, record: Make
) -> None:
    headers = [(f"x-stranger-{number}", "1") for number in range(130)]
    metadata = {f"key-{number}": number for number in range(40)}
    given = record(
        headers,
        capture_headers=True,
        metadata=metadata,
        mark=Mark("completed", None, metadata, 1),
        processing="completed",
        signature=GENUINE,
        route="/hook",
        event_type="charge.succeeded",
        event_id="evt_1",
        outcome="accepted",
        status=200,
    )
    attributes = limited.deliver(given).attributes or {}
    assert attributes["outworx.webhook.outcome"] == "accepted"
    assert attributes["outworx.webhook.provider"] == "stripe"
    assert attributes["outworx.webhook.signature.valid"] is True
    assert attributes["outworx.webhook.event.id"] == "evt_1"
    assert attributes["http.route"] == "/hook"


def test_bodies_and_a_marks_metadata_push_no_verdict_out_either(limited: Scene, record: Make) -> None:
    given = record(
        [(f"x-{number}", "1") for number in range(40)],
        capture_headers=True,
        request_body=b"{}",
        response_body=b"{}",
        mark=Mark("failed", "no stock", {f"k{number}": 1 for number in range(40)}, 1),
        processing="failed",
        signature=FORGED,
        outcome="failed",
        status=200,
    )
    attributes = limited.deliver(given).attributes or {}
    assert attributes["outworx.webhook.outcome"] == "failed"
    assert attributes["outworx.webhook.signature.valid"] is False
    assert attributes["outworx.webhook.provider"] == "stripe"


def test_a_limit_of_zero_is_the_operators_wish_and_harms_nobody(
    scene: Scene, record: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0")
    scene = Scene()
    assert not scene.deliver(record(outcome="accepted", status=200)).attributes
    assert scene.points("deliveries")


@pytest.mark.parametrize("back", [1, 3_600, 10 * 365 * 86_400])
def test_a_clock_that_is_set_back_meanwhile_makes_no_time_negative(
    back: int, scene: Scene, record: Make, caplog: pytest.LogCaptureFixture
) -> None:
    given = record(outcome="accepted", status=200)
    given.start_ns += back * 1_000_000_000
    span = scene.deliver(given)
    assert (span.start_time or 0) == (span.end_time or 0)
    # The SDK warns of a negative duration, and counts it nowhere.
    assert [count for _, count in scene.points("duration")] == [1]
    assert caplog.text == ""


def test_deferred_work_ends_no_sooner_than_it_began_though_the_clock_was_set_back(scene: Scene) -> None:
    telemetry: Telemetry = scene.telemetry
    deferral = Deferral("", "", "stripe", "/hook", None, time.time(), time.time() + 60)
    telemetry.process(deferral, time.time_ns() + 3_600_000_000_000).end(Mark("completed", None, None, 1))
    (span,) = scene.spans
    assert (span.start_time or 0) <= (span.end_time or 0)
