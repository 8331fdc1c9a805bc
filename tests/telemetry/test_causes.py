"""Exceptions that decided something are on the span: a verifier's, a key function's, a store's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from opentelemetry.trace import StatusCode

from outworx_otel.errors import KeyFunctionError, StoreError, VerifierError
from outworx_otel.export.events import event_of
from outworx_otel.signatures import SignatureResult
from outworx_otel.telemetry import Record

from .conftest import Scene

Make = Callable[..., Record]
THREW = SignatureResult(False, "verifier_threw", "signature_verifier raised KeyError.")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError


def test_a_verifier_that_threw_is_found_in_error_message(record: Make, scene: Scene) -> None:
    given = record(signature=THREW, rejected_for="verifier_threw", outcome="rejected", status=401)
    given.note(VerifierError("signature_verifier raised KeyError: 'v1'"))
    span = scene.deliver(given)
    (event,) = span.events
    assert event.name == "exception"
    assert event.attributes == {
        "exception.type": "outworx_otel.errors.VerifierError",
        "exception.message": "signature_verifier raised KeyError: 'v1'",
    }
    sent = event_of(span)
    assert sent is not None
    assert sent["error_message"].startswith("rejected: verifier_threw")
    assert sent["error_message"].count("KeyError: 'v1'") == 1


@pytest.mark.parametrize(
    ("outcome", "error"),
    [
        ("key_error", KeyFunctionError("idempotency_key raised TypeError: no")),
        ("fail_open", StoreError("no answer in 250 ms")),
    ],
)
def test_what_let_a_delivery_run_unprotected_is_found_there_too(
    outcome: str, error: Exception, record: Make, scene: Scene
) -> None:
    given = record(idempotency_outcome=outcome, status=200)
    given.note(error)
    span = scene.deliver(given)
    assert span.status.status_code is StatusCode.UNSET
    sent = event_of(span)
    assert sent is not None
    assert sent["success"] is True
    assert sent["error_message"] == f"{type(error).__name__}: {error}"


def test_a_verdict_that_threw_is_found_where_deliveries_are_let_in(record: Make, scene: Scene) -> None:
    given = record(signature=THREW, status=200)
    given.note(VerifierError("boom"))
    sent = event_of(scene.deliver(given))
    assert sent is not None
    assert sent["error_message"] == "VerifierError: boom"


def test_their_text_is_scrubbed_and_bounded_and_they_are_three(record: Make, scene: Scene) -> None:
    given = record(status=200)
    given.note(ValueError("whsec_abcdefghijklmnop is wrong " + "é" * 5000))
    given.note(Unspeakable())
    for number in range(50):
        given.note(ValueError(str(number)))
    span = scene.deliver(given)
    texts = [(event.attributes or {})["exception.message"] for event in span.events]
    assert len(texts) == 3
    assert "whsec_" not in str(texts)
    assert len(str(texts[0]).encode()) <= 1024
    assert texts[1] == "<Unspeakable>"


def test_the_exception_that_ended_the_work_comes_first(record: Make, scene: Scene) -> None:
    given = record(error=RuntimeError("the end"), outcome="error")
    given.note(StoreError("away"))
    span = scene.deliver(given)
    texts = [(event.attributes or {})["exception.message"] for event in span.events]
    assert texts == ["the end", "away"]
    assert span.status.description == "RuntimeError: the end"
