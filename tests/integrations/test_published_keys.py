"""Endpoints whose provider publishes its keys, on every framework: 503 while none can be had."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import anyio
import httpx
import pytest
from signatures.published.sns import CERTIFICATE, HEADERS, TOPIC, publish, sns_message
from support.calls import PATH, Framework, Witness
from support.key_server import KeyServer, Signer

from outworx_otel import TrackOptions
from outworx_otel.signatures.published import fetching, keyring

from .asgi_apps import FastAPIKind
from .conftest import Telemetry

Monitor = Callable[..., None]
HOST = "sns.eu-west-1.amazonaws.com"
SNS = TrackOptions("aws_sns", signature_secret=TOPIC)


def test_a_genuine_delivery_reaches_the_handler_and_its_key_is_fetched_once(
    framework: Framework, monitor: Monitor, telemetry: Telemetry, key_server: KeyServer, signer: Signer
) -> None:
    publish(key_server, signer)
    handler = Witness()
    monitor({PATH: SNS})
    app = framework.serve(handler)
    body = sns_message(signer)

    answers = [app.post(body, HEADERS) for _ in range(2)]

    assert [answer.status for answer in answers] == [200, 200]
    assert handler.bodies == [body, body]
    assert key_server.urls == [CERTIFICATE]
    attributes = telemetry.deliveries()[0].attributes or {}
    assert attributes["outworx.webhook.signature.valid"] is True
    assert attributes["outworx.webhook.event.id"] == "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324"


def test_a_forged_delivery_is_answered_401(
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    key_server: KeyServer,
    signer: Signer,
    another_signer: Signer,
) -> None:
    publish(key_server, signer)
    handler = Witness()
    monitor({PATH: SNS})

    answer = each.serve(handler).post(sns_message(another_signer), HEADERS)

    assert (answer.status, handler.calls) == (401, [])
    assert telemetry.said("signature.reason") == "hmac_mismatch"


def test_while_no_key_can_be_had_a_delivery_is_answered_503_and_not_let_in(
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    key_server: KeyServer,
    signer: Signer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    publish(key_server, signer)
    key_server.reachable = False
    handler = Witness()
    monitor({PATH: SNS})
    app = each.serve(handler)
    body = sns_message(signer)

    with caplog.at_level(logging.WARNING, "outworx_otel"):
        answer = app.post(body, HEADERS)

    assert (answer.status, answer.headers["retry-after"], handler.calls) == (503, "30", [])
    assert HOST.encode() not in answer.body
    assert (telemetry.said("outcome"), telemetry.said("signature.reason")) == ("rejected", "key_unavailable")
    assert HOST in telemetry.said("signature.hint")
    assert HOST in caplog.text
    # Its provider sends it again, and by then the keys can be had.
    key_server.reachable = True
    keyring.forget_keys()
    assert app.post(body, HEADERS).status == 200


def test_a_key_server_that_hangs_is_waited_for_so_long_and_no_longer(
    each: Framework,
    monitor: Monitor,
    telemetry: Telemetry,
    key_server: KeyServer,
    signer: Signer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish(key_server, signer).after = threading.Event()
    monkeypatch.setattr(fetching, "SECONDS", 0.2)
    monitor({PATH: SNS})

    answer = each.serve(Witness()).post(sns_message(signer), HEADERS)

    assert answer.status == 503
    assert f"at {HOST} cannot be had: no answer within 0.2 s" in telemetry.said("signature.hint")


def test_an_event_loop_serves_others_while_a_key_is_fetched(
    monitor: Monitor, key_server: KeyServer, signer: Signer
) -> None:
    """The key comes only after somebody else was served: were the loop held up, neither would be."""
    served = threading.Event()
    publish(key_server, signer).after = served
    monitor({PATH: SNS})
    app = FastAPIKind("fastapi").serve(Witness()).app

    @app.get("/others")
    async def others() -> None:
        served.set()

    async def main() -> list[int]:
        statuses = []
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:

            async def deliver() -> None:
                statuses.append(
                    (await client.post(PATH, content=sns_message(signer), headers=HEADERS)).status_code
                )

            async with anyio.create_task_group() as group:
                for _ in range(3):
                    group.start_soon(deliver)
                await anyio.to_thread.run_sync(key_server.came.wait)
                assert (await client.get("/others")).status_code == 200
        return statuses

    assert anyio.run(main) == [200, 200, 200]
    assert key_server.urls == [CERTIFICATE]
