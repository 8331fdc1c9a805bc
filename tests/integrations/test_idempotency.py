"""Retries of deliveries, in memory, the same on every framework."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from support import deliveries
from support.calls import PATH, Call, Framework, Reply, Witness
from support.deliveries import BODY, JSON

from outworx_otel import KeyFunctionError, TrackOptions

from .conftest import FRAMEWORKS, Telemetry

Monitor = Callable[..., None]
BY_ID = TrackOptions("stripe", idempotency_key="body.id")


def outcomes(telemetry: Telemetry) -> list[Any]:
    return [span.attributes.get("outworx.webhook.idempotency.outcome") for span in telemetry.deliveries()]


def test_an_answer_without_a_content_type_is_replayed_without_one(
    framework: Framework, monitor: Monitor
) -> None:
    monitor({PATH: BY_ID})
    app = framework.serve(Witness(replies=Reply(204, b"", "")))
    first, second = app.post(BODY, JSON), app.post(BODY, JSON)
    assert (first.status, second.status) == (204, 204)
    assert "content-type" not in first.headers
    assert "content-type" not in second.headers


def test_a_retry_of_a_finished_delivery_is_answered_from_memory(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    body = bytes(range(256))
    headers = (("x-mine", "1"), ("cache-control", "no-store"))
    handler = Witness(replies=Reply(201, body, "application/x-thing", headers))
    monitor({PATH: BY_ID})
    app = framework.serve(handler)
    first, second = app.post(BODY, JSON), app.post(BODY, JSON)
    assert len(handler.calls) == 1
    assert (second.status, second.body) == (first.status, first.body) == (201, body)
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["cache-control"] == "no-store"
    assert second.headers["idempotent-replayed"] == "true"
    assert "x-mine" not in second.headers
    assert outcomes(telemetry) == ["executed", "replayed"]
    done, replayed = telemetry.deliveries()
    assert done.attributes["outworx.webhook.idempotency.committed"] is True
    assert len(done.attributes["outworx.webhook.idempotency.key"]) == 64
    assert [link.context.span_id for link in replayed.links] == [done.context.span_id]
    assert "outworx.webhook.processing.status" not in replayed.attributes


# Under ASGI, Django has one thread for all sync views: there, a second one cannot come while the first runs.
@pytest.mark.parametrize(
    "framework", [kind for kind in FRAMEWORKS if kind.name != "django-asgi"], ids=lambda kind: kind.name
)
def test_a_delivery_that_comes_again_while_the_first_runs_is_told_to_wait(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    answers = []

    def calls_itself(call: Call) -> None:
        retry = threading.Thread(target=lambda: answers.append(framework_app.post(BODY, JSON)))
        retry.start()
        retry.join()

    monitor({PATH: BY_ID})
    framework_app = framework.serve(Witness(calls_itself))
    assert framework_app.post(BODY, JSON).status == 200
    (conflict,) = answers
    assert conflict.status == 409
    assert 1 <= int(conflict.headers["retry-after"]) <= 30
    assert outcomes(telemetry) == ["in_flight", "executed"]


@pytest.mark.parametrize("ending", ["500", "400", "303", "raises", "failed", "silent drop", "refused"])
def test_a_retry_of_a_delivery_that_did_not_succeed_runs_the_handler_again(
    ending: str, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def ends(call: Call) -> Reply | None:
        if len(handler.calls) > 1:
            call.track.processed()  # type: ignore[union-attr]
            return None
        if ending == "raises":
            raise RuntimeError("no")
        if ending == "refused":
            raise framework.refusal(404)
        if ending == "failed":
            call.track.failed("no")  # type: ignore[union-attr]
        return Reply(int(ending)) if ending.isdecimal() else None

    handler = Witness(ends)
    monitor({PATH: TrackOptions("stripe", idempotency_key="body.id", require_processing_mark=True)})
    app = framework.serve(handler)
    app.post(BODY, JSON)
    assert app.post(BODY, JSON).status == 200
    assert len(handler.calls) == 2
    assert outcomes(telemetry) == ["executed", "executed"]
    assert telemetry.deliveries()[0].attributes["outworx.webhook.idempotency.committed"] is False


REFERENCE_KEYS: dict[str, tuple[Any, Any]] = {
    "stripe": (lambda req, body, headers: body.get("id") if body else None, deliveries.stripe),
    "github": (lambda req, body, headers: headers.get("x-github-delivery"), deliveries.github),
    "shopify": (lambda req, body, headers: headers.get("x-shopify-webhook-id"), deliveries.shopify),
    "svix": (lambda req, body, headers: headers.get("svix-id"), deliveries.svix),
}


@pytest.mark.parametrize("provider", REFERENCE_KEYS)
def test_the_recommended_keys_work_verbatim(provider: str, framework: Framework, monitor: Monitor) -> None:
    key, signed = REFERENCE_KEYS[provider]
    handler = Witness()
    monitor({PATH: TrackOptions(provider, idempotency_key=key)})
    app = framework.serve(handler)
    assert app.post(BODY, signed()).status == 200
    assert app.post(BODY, signed()).headers["idempotent-replayed"] == "true"
    assert len(handler.calls) == 1


@pytest.mark.parametrize(
    ("provider", "key", "headers"),
    [
        ("stripe", True, deliveries.JSON),
        ("github", True, {"x-github-delivery": "guid-1"}),
        ("github", "header.X-GitHub-Delivery", {"x-github-delivery": "guid-1"}),
        ("any", "body.data.object.amount", deliveries.JSON),
        ("any", "body", deliveries.JSON),
    ],
)
def test_a_key_may_be_a_path_or_the_providers_own_id(
    provider: str, key: Any, headers: dict[str, str], each: Framework, monitor: Monitor
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions(provider, idempotency_key=key)})
    app = each.serve(handler)
    app.post(BODY, headers)
    assert app.post(BODY, headers).headers.get("idempotent-replayed") == "true"


async def later(req: Any, body: Any, headers: Any) -> Any:
    return body["id"]


def test_a_key_function_may_be_async(framework: Framework, monitor: Monitor) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("stripe", idempotency_key=later)})
    app = framework.serve(handler)
    app.post(BODY, JSON)
    app.post(BODY, JSON)
    assert len(handler.calls) == 1


@pytest.mark.parametrize(
    "key",
    [
        lambda req, body, headers: body["no such"],
        lambda: "wrong arguments",
        lambda req, body, headers: headers.get,
        lambda req, body, headers: "id" in body,
        lambda req, body, headers: object(),
    ],
    ids=["raises", "wrong arguments", "a method", "a truth", "an object"],
)
def test_a_key_function_that_fails_is_reported_and_the_handler_runs(
    key: Any, framework: Framework, monitor: Monitor, telemetry: Telemetry, errors: list[Exception]
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("stripe", idempotency_key=key)})
    assert framework.serve(handler).post(BODY, JSON).status == 200
    assert handler.bodies == [BODY]
    assert outcomes(telemetry) == ["key_error"]
    assert [type(error) for error in errors] == [KeyFunctionError]


@pytest.mark.parametrize("key", [lambda req, body, headers: None, lambda req, body, headers: ""])
def test_without_a_key_every_delivery_runs(
    key: Any, each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    monitor({PATH: TrackOptions("stripe", idempotency_key=key)})
    app = each.serve(handler)
    app.post(BODY, JSON)
    app.post(BODY, JSON)
    assert len(handler.calls) == 2
    assert outcomes(telemetry) == ["no_key", "no_key"]


def test_a_delivery_found_invalid_never_claims_nor_is_answered_from_memory(
    framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    handler = Witness()
    options = TrackOptions(
        "stripe",
        signature_secret=deliveries.SECRET,
        reject_invalid_signatures=False,
        idempotency_key="body.id",
    )
    monitor({PATH: options})
    app = framework.serve(handler)
    app.post(BODY, JSON)
    assert "idempotent-replayed" not in app.post(BODY, deliveries.stripe()).headers
    assert "idempotent-replayed" not in app.post(BODY, JSON).headers
    assert app.post(BODY, deliveries.stripe()).headers["idempotent-replayed"] == "true"
    assert len(handler.calls) == 3
    assert outcomes(telemetry) == [None, "executed", None, "replayed"]


@pytest.mark.parametrize(("scope", "runs"), [(None, 2), ("shop", 1)])
def test_endpoints_share_keys_only_within_a_scope(
    scope: str | None, runs: int, each: Framework, monitor: Monitor
) -> None:
    handler = Witness()
    monitor({"*": TrackOptions("stripe", idempotency_key="body.id", idempotency_scope=scope)})
    each.serve(handler, "/hooks/a").post(BODY, JSON, "/hooks/a")
    each.serve(handler, "/hooks/b").post(BODY, JSON, "/hooks/b")
    assert len(handler.calls) == runs


def test_the_same_key_with_another_body_is_replayed_and_noted(
    each: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: BY_ID})
    app = each.serve(Witness())
    app.post(BODY, JSON)
    assert app.post(json.dumps({"id": "evt_1"}).encode(), JSON).status == 200
    (noted,) = telemetry.deliveries()[1:]
    assert noted.attributes["outworx.webhook.idempotency.fingerprint_mismatch"] is True


@pytest.mark.parametrize("streams", [True, False])
def test_an_answer_that_is_not_kept_replays_its_status_alone_and_says_so(
    streams: bool, framework: Framework, monitor: Monitor, telemetry: Telemetry
) -> None:
    def big(call: Call) -> Reply:
        return Reply(202, iter([b"a", b"b"]) if streams else b"x" * (256 * 1024 + 1))

    handler = Witness(big)
    monitor({PATH: BY_ID})
    app = framework.serve(handler)
    app.post(BODY, JSON)
    second = app.post(BODY, JSON)
    assert (second.status, second.body) == (202, b"")
    assert len(handler.calls) == 1
    assert telemetry.deliveries()[0].attributes["outworx.webhook.idempotency.body_omitted"] is True
