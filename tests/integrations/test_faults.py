"""What goes wrong in telemetry or in a callback, and never reaches the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.sdk.trace import SpanProcessor
from support import deliveries
from support.calls import PATH, Call, Framework, Witness
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions

from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)


class Broken(SpanProcessor):
    """Raises wherever the SDK calls it."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise RuntimeError("on_start")

    def on_end(self, span: Any) -> None:
        raise RuntimeError("on_end")


class BrokenAtTheEnd(Broken):
    """Raises at the end alone."""

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Lets it start."""


@pytest.mark.parametrize("processor", [Broken, BrokenAtTheEnd])
def test_a_span_processor_that_raises_never_reaches_the_caller(
    processor: type[SpanProcessor], framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    telemetry.tracer_provider.add_span_processor(processor())
    handler = Witness()
    monitor({PATH: STRIPE})
    app = framework.serve(handler, raises=True)
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, JSON).status == 401
    assert handler.bodies == [BODY]


def test_a_redaction_that_raises_never_reaches_the_caller(
    framework: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: Any) -> Any:
        raise RuntimeError("redaction")

    monkeypatch.setattr("outworx_otel.telemetry.redaction.Redactor.add_headers", broken)
    monkeypatch.setattr("outworx_otel.telemetry.redaction.Redactor.body", broken)
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, capture_body=True)})
    app = framework.serve(Witness(), raises=True)
    assert app.post(BODY, deliveries.stripe()).status == 200
    assert app.post(BODY, JSON).status == 401


def test_an_error_callback_that_raises_never_reaches_the_caller(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def broken(error: Exception) -> None:
        raise RuntimeError("on_error")

    def verifier(body: bytes, headers: Any) -> bool:
        raise KeyError

    monitor({PATH: TrackOptions("mine", signature_verifier=verifier)}, on_error=broken)
    assert framework.serve(Witness(), raises=True).post(BODY, JSON).status == 401


def test_metadata_that_cannot_be_shown_costs_nothing_else(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    class Shy:
        def __str__(self) -> str:
            raise RuntimeError("no")

    def marks(call: Call) -> None:
        assert call.track is not None
        call.track.processed({"shy": Shy(), "bold": 1})

    monitor({PATH: TrackOptions("stripe", metadata={"shy": Shy()})})
    assert each.serve(Witness(marks)).post(BODY, JSON).status == 200
    assert telemetry.said("processing.status") == "completed"
    assert telemetry.said("metadata.bold") == 1


class Unspeakable(Exception):
    """Cannot be shown."""

    def __str__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize("option", ["signature_verifier", "signature_valid", "idempotency_key"])
def test_a_function_that_raises_what_cannot_be_shown_never_reaches_the_caller(
    option: str, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def raises(*arguments: Any) -> Any:
        raise Unspeakable

    monitor({PATH: TrackOptions("mine", **{option: raises})})  # type: ignore[arg-type]
    status = 200 if option == "idempotency_key" else 401
    assert framework.serve(Witness(), raises=True).post(BODY, JSON).status == status
    assert len(telemetry.deliveries()) == 1


def test_a_handler_that_raises_what_cannot_be_shown_is_reported(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def raises(call: Call) -> None:
        raise Unspeakable

    monitor({PATH: TrackOptions("stripe")})
    # Django 4.2 asks it for its text, to write to the administrators.
    with pytest.raises((Unspeakable, RuntimeError)):
        framework.serve(Witness(raises), raises=True).post(BODY, JSON)
    assert telemetry.delivery().attributes["error.type"] == f"{__name__}.Unspeakable"
