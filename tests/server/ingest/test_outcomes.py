"""The outcome of a stored delivery is the one that its application counted, for every kind of delivery."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from integrations.conftest import Telemetry
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from support.calls import PATH, Call, Framework, Reply, Witness
from support.deliveries import BODY, JSON, SECRET, WRONG, stripe

from outworx_otel import TrackOptions
from outworx_otel.server.ingest.outcome import outcome_of
from outworx_otel.server.ingest.span_sorting import sort
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES

Monitor = Callable[..., None]
Does = Callable[[Call], Reply | None]


def raises(call: Call) -> Reply:
    raise RuntimeError("no")


def fails(call: Call) -> None:
    call.track.failed("no stock")  # type: ignore[union-attr]


def fails_and_raises(call: Call) -> Reply:
    fails(call)
    return raises(call)


def processes_and_raises(call: Call) -> Reply:
    call.track.processed()  # type: ignore[union-attr]
    return raises(call)


def defers(call: Call) -> None:
    call.track.defer()  # type: ignore[union-attr]


def fails_with_500(call: Call) -> Reply:
    fails(call)
    return Reply(500)


VERIFIED = {"signature_secret": SECRET}
LETS_IN = {**VERIFIED, "reject_invalid_signatures": False}
KEYED = {"idempotency_key": "body.id"}
FORGED = stripe(secret=WRONG)

# Signed when they are sent: a signature is good for five minutes.
SIGNED = stripe

KINDS: dict[str, tuple[dict[str, Any], Does | None, Any, list[str]]] = {
    "an answer": ({}, None, JSON, ["accepted"]),
    "a redirection": ({}, lambda call: Reply(302), JSON, ["accepted"]),
    "an ignored event": ({}, lambda call: call.track.ignored("no"), JSON, ["accepted"]),  # type: ignore[union-attr]
    "a 400": ({}, lambda call: Reply(400), JSON, ["refused"]),
    "a 503": ({}, lambda call: Reply(503), JSON, ["error"]),
    "an exception": ({}, raises, JSON, ["error"]),
    "an exception after a failed mark": ({}, fails_and_raises, JSON, ["error"]),
    "an exception after a mark": ({}, processes_and_raises, JSON, ["error"]),
    "a failed mark": ({}, fails, JSON, ["failed"]),
    "a failed mark and a 500": ({}, fails_with_500, JSON, ["failed"]),
    "a silent drop": ({"require_processing_mark": True}, None, JSON, ["silent_drop"]),
    "deferred work": ({}, defers, JSON, ["deferred"]),
    "a valid signature": (VERIFIED, None, SIGNED, ["accepted"]),
    "a wrong signature": (VERIFIED, None, FORGED, ["rejected"]),
    "no signature": (VERIFIED, None, JSON, ["rejected"]),
    "a wrong signature that is let in": (LETS_IN, None, FORGED, ["accepted"]),
    "a wrong signature that is let in, and a 401": (LETS_IN, lambda call: Reply(401), FORGED, ["refused"]),
    "a wrong signature that is let in, and an exception": (LETS_IN, raises, FORGED, ["error"]),
    "a wrong signature that is let in, and a failed mark": (LETS_IN, fails, FORGED, ["failed"]),
    "a body that is too large to verify": ({**VERIFIED, "max_body_size": 10}, None, SIGNED, ["rejected"]),
    "a provider without a verifier": (
        {"provider": "nobody", **VERIFIED},
        None,
        SIGNED,
        ["rejected"],
    ),
    "a retry of a finished delivery": (KEYED, None, JSON, ["accepted", "replayed"]),
    "a retry of a failed one": (KEYED, fails, JSON, ["failed", "failed"]),
    "another body with the same key": (
        {**KEYED, "idempotency_key": lambda *_: "same", "idempotency_on_mismatch": "reject"},
        None,
        JSON,
        ["accepted", "replayed"],
    ),
    "a delivery while the store is away": (KEYED, None, JSON, ["unprotected"]),
    "a refused one while the store is away": (KEYED, lambda call: Reply(400), JSON, ["refused"]),
    "a failed one while the store is away": (KEYED, fails, JSON, ["failed"]),
    "a key function that raises": ({"idempotency_key": lambda *_: 1 / 0}, None, JSON, ["accepted"]),
}


def judged(telemetry: Telemetry) -> Counter[str]:
    """The outcomes of what the server keeps of the spans."""
    found = sort(encode_spans(telemetry.exporter.get_finished_spans()).SerializeToString())
    assert not found.rejected
    return Counter(delivery.outcome for delivery in found.batch.deliveries)


def counted(telemetry: Telemetry) -> Counter[str]:
    """The outcomes of what the application counted."""
    counts: Counter[str] = Counter()
    for attributes, value in telemetry.points("deliveries"):
        counts[attributes[semconv.OUTCOME]] += value
    return counts


@pytest.mark.parametrize("kind", KINDS)
def test_a_stored_delivery_has_the_outcome_that_was_counted(
    kind: str, each: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    options, does, headers, expected = KINDS[kind]
    if kind.endswith("while the store is away"):
        monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", "redis://127.0.0.1:1")
    monitor({PATH: TrackOptions(**{"provider": "stripe", **options})})
    app = each.serve(Witness(does))
    for number in range(len(expected)):
        app.post(BODY + b" " * number, headers() if callable(headers) else headers)
    assert judged(telemetry) == counted(telemetry) == Counter(expected)
    # An older release does not put its outcome on the span, and does not know `unprotected`.
    told = [dict(span.attributes or {}) for span in telemetry.deliveries()]
    derived = [outcome_of({n: v for n, v in said.items() if n != semconv.OUTCOME}) for said in told]
    assert derived == ["accepted" if outcome == "unprotected" else outcome for outcome in expected]


@pytest.mark.parametrize("told", ["good", "", "ACCEPTED", 7, None, ["accepted"]])
def test_an_outcome_that_does_not_exist_is_derived(told: Any) -> None:
    assert outcome_of({semconv.OUTCOME: told, semconv.HTTP_STATUS: 503}) == "error"


def test_a_delivery_whose_key_is_in_use_has_the_outcome_that_was_counted(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def calls_itself(call: Call) -> None:
        retry = threading.Thread(target=lambda: app.post(BODY, JSON))
        retry.start()
        retry.join()

    monitor({PATH: TrackOptions("stripe", **KEYED)})
    app = each.serve(Witness(calls_itself))
    app.post(BODY, JSON)
    assert judged(telemetry) == counted(telemetry) == Counter(["in_flight", "accepted"])


def test_a_delivery_turned_away_without_a_store_has_the_outcome_that_was_counted(
    each: Framework, monitor: Monitor, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTWORX_IDEMPOTENCY_STORE", "redis://127.0.0.1:1")
    monitor({PATH: TrackOptions("stripe", **KEYED, idempotency_on_store_error="reject")})
    each.serve(Witness()).post(BODY, JSON)
    assert judged(telemetry) == counted(telemetry) == Counter(["rejected"])


def test_every_outcome_is_covered() -> None:
    seen = {outcome for *_, expected in KINDS.values() for outcome in expected}
    # The last four are of requests that never became a delivery.
    others = {"in_flight", "handshake", "unrouted", "redirected", "turned_away"}
    assert seen | others == set(OUTCOMES)


@pytest.mark.parametrize("wrong", [None, 7, True, 1.5, b"x", ["replayed"], {"a": 1}, float("nan")])
def test_attributes_of_any_type_have_some_outcome(wrong: Any) -> None:
    names = (
        semconv.IDEMPOTENCY_OUTCOME,
        semconv.PROCESSING_STATUS,
        semconv.ERROR_TYPE,
        semconv.HTTP_STATUS,
        semconv.SIGNATURE_VALID,
        semconv.SIGNATURE_REASON,
    )
    assert outcome_of(dict.fromkeys(names, wrong)) in OUTCOMES
    for name in names:
        assert outcome_of({semconv.HTTP_STATUS: 200, name: wrong}) in OUTCOMES
