"""ASGI connections that break, and what passes between server and application."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions

from .asgi_wire import Wire, parts
from .conftest import Telemetry

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
LENGTH = {"content-length": str(len(BODY))}


def serve(endpoint: Any) -> Starlette:
    return Starlette(routes=[Route(PATH, endpoint, methods=["POST"])])


async def receives(request: Request) -> Response:
    return PlainTextResponse(await request.body())


def test_a_disconnect_after_the_body_still_reaches_the_handler(monitor: Monitor) -> None:
    async def waits(request: Request) -> Response:
        await request.body()
        while not await request.is_disconnected():
            await anyio.lowlevel.checkpoint()
        return PlainTextResponse("noticed")

    monitor({PATH: STRIPE})
    answer = Wire(serve(waits), parts(BODY)).run({**deliveries.stripe(), **LENGTH})
    assert answer is not None
    assert answer.body == b"noticed"


def test_a_handler_that_finishes_although_its_client_went_away_has_succeeded(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({PATH: TrackOptions("stripe", idempotency_key="body.id")})
    for _ in range(2):
        with pytest.raises(OSError, match="gone"):
            Wire(serve(receives), parts(BODY), breaks_at="http.response.body").run({**JSON, **LENGTH})
    first, second = telemetry.deliveries()
    assert first.attributes["outworx.webhook.idempotency.committed"] is True
    assert first.attributes["http.response.status_code"] == 200
    assert second.attributes["outworx.webhook.idempotency.outcome"] == "replayed"


def test_a_client_that_goes_away_in_the_middle_of_a_stream_is_reported(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    async def streams(request: Request) -> Response:
        async def answer() -> Any:
            for _ in range(3):
                yield b"part"

        return StreamingResponse(answer())

    monitor({PATH: TrackOptions("stripe")})
    # Starlette's ClientDisconnect, or in an older one the group of exceptions that holds the server's.
    with pytest.raises(Exception, match=r"^$|unhandled errors in a TaskGroup"):
        Wire(serve(streams), parts(BODY), breaks_at="http.response.body").run({**JSON, **LENGTH})
    assert telemetry.delivery().end_time is not None


def test_where_nothing_is_verified_the_body_is_read_only_as_the_handler_reads_it(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    async def ignores(request: Request) -> Response:
        return PlainTextResponse("not interested")

    monitor({PATH: TrackOptions("stripe")})
    wire = Wire(serve(ignores), parts(BODY))
    wire.run({**JSON, **LENGTH})
    assert "receive" not in wire.events
    assert telemetry.said("event.type") is None


def test_a_request_to_another_path_is_not_read_ahead(monitor: Monitor) -> None:
    async def ignores(request: Request) -> Response:
        return PlainTextResponse("not interested")

    monitor({"/elsewhere": STRIPE})
    wire = Wire(serve(ignores), [])
    wire.run(JSON)
    assert "receive" not in wire.events


def test_the_messages_of_the_answer_pass_in_order_and_unchanged(monitor: Monitor) -> None:
    async def streams(request: Request) -> Response:
        async def answer() -> Any:
            yield b"one"
            yield b"two"

        return StreamingResponse(answer(), headers={"x-shop": "1"})

    wires = [Wire(serve(streams), parts(BODY)), Wire(serve(streams), parts(BODY))]
    wires[0].run({**deliveries.stripe(), **LENGTH})
    monitor({PATH: STRIPE})
    wires[1].run({**deliveries.stripe(), **LENGTH})
    assert wires[0].sent == wires[1].sent


def test_the_answer_is_settled_before_its_last_message_is_passed_on(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    statuses: list[int] = []
    monitor({PATH: TrackOptions("stripe", idempotency_key="body.id")})
    app = serve(receives)

    class Retrying(Wire):
        async def send(self, message: Any) -> None:
            if message["type"] == "http.response.body" and not statuses:
                statuses.append(0)
                retry = Wire(app, parts(BODY))
                await retry.play({**JSON, **LENGTH})
                answer = retry.answer()
                assert answer is not None
                statuses.append(answer.status)
            await super().send(message)

    Retrying(app, parts(BODY)).run({**JSON, **LENGTH})
    assert statuses == [0, 200]
    outcomes = {span.attributes["outworx.webhook.idempotency.outcome"] for span in telemetry.deliveries()}
    assert outcomes == {"replayed", "executed"}


def test_a_cancelled_handler_frees_its_claim(monitor: Monitor, telemetry: Telemetry) -> None:
    async def hangs(request: Request) -> Response:
        await anyio.sleep(60)
        raise AssertionError

    monitor({PATH: TrackOptions("stripe", idempotency_key="body.id")})

    async def give_up() -> None:
        with anyio.move_on_after(0.02):
            await Wire(serve(hangs), parts(BODY)).play({**JSON, **LENGTH})

    async def try_again() -> None:
        retry = Wire(serve(receives), parts(BODY))
        with anyio.fail_after(5):
            while retry.answer() is None or retry.answer().status == 409:  # type: ignore[union-attr]
                retry = Wire(serve(receives), parts(BODY))
                await retry.play({**JSON, **LENGTH})
        answer = retry.answer()
        assert answer is not None
        assert answer.status == 200

    def errors() -> list[object]:
        spans = telemetry.deliveries()
        return [span.attributes["error.type"] for span in spans if "error.type" in span.attributes]

    anyio.run(give_up)
    anyio.run(try_again)
    for _ in range(1000):  # the cancelled one is reported by another thread
        if not errors():
            time.sleep(0.005)
    assert errors() == ["asyncio.exceptions.CancelledError"]


def test_a_user_function_may_read_the_request_it_is_given(monitor: Monitor) -> None:
    async def key(request: Request, body: Any, headers: Any) -> str:
        return (await request.json())["id"] if body else str(len(await request.body()))

    async def verdict(request: Request) -> bool:
        return b"evt_1" in await request.body()

    monitor({PATH: TrackOptions("stripe", idempotency_key=key, signature_valid=verdict)})
    first = Wire(serve(receives), parts(BODY)).run({**JSON, **LENGTH})
    second = Wire(serve(receives), parts(BODY)).run({**JSON, **LENGTH})
    assert first is not None
    assert second is not None
    assert (first.status, first.body) == (200, BODY)
    assert second.headers["idempotent-replayed"] == "true"


def test_a_verdict_alone_may_read_the_body_too(monitor: Monitor) -> None:
    async def verdict(request: Request) -> bool:
        return b"evt_1" in await request.body()

    monitor({PATH: TrackOptions("stripe", signature_valid=verdict)})
    answer = Wire(serve(receives), parts(BODY)).run({**JSON, **LENGTH})
    assert answer is not None
    assert (answer.status, answer.body) == (200, BODY)


@pytest.mark.parametrize(
    "broken", [pytest.param("limit", marks=pytest.mark.needs("starlette >=1.10")), "client"]
)
def test_an_async_verdict_is_awaited_on_its_own_loop_although_the_body_is_not_to_be_had(
    broken: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    loops: list[object] = []

    async def verdict(request: Request) -> bool:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return False

    class Breaks(Wire):
        async def receive(self) -> Any:
            loops.append(asyncio.get_running_loop())
            if broken == "client":
                raise OSError("the connection was reset")
            return await super().receive()

    monitor({PATH: TrackOptions("stripe", signature_valid=verdict)})
    limit = {"max_body_size": 10} if broken == "limit" else {}
    app = Starlette(routes=[Route(PATH, receives, methods=["POST"], **limit)])
    wire = Breaks(app, parts(BODY, BODY))
    if broken == "client":
        with pytest.raises(OSError, match="reset"):
            wire.run({**JSON, "transfer-encoding": "chunked"})
    else:
        answer = wire.run({**JSON, "transfer-encoding": "chunked"})
        assert answer is not None
        assert answer.status == 401, "the door is asked before the route's own limit"
    assert len(set(map(id, loops))) == 1
    assert telemetry.said("signature.valid") is False


def test_a_delivery_that_is_cancelled_while_it_is_admitted_is_counted(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    async def never_answers(*arguments: object) -> str:
        await anyio.sleep(60)
        raise AssertionError

    monitor({PATH: TrackOptions("stripe", idempotency_key=never_answers)})

    async def give_up() -> None:
        with anyio.move_on_after(0.02):
            await Wire(serve(receives), parts(BODY)).play({**JSON, **LENGTH})

    anyio.run(give_up)
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "error"


def test_a_request_that_is_cancelled_while_it_is_read_is_counted(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    class Slow(Wire):
        async def receive(self) -> Any:
            await anyio.sleep(60)

    monitor({PATH: STRIPE})

    async def give_up() -> None:
        with anyio.move_on_after(0.01):
            await Slow(serve(receives), []).play({**JSON, **LENGTH})

    anyio.run(give_up)
    (point,) = telemetry.points("deliveries")
    assert point[0]["outworx.webhook.outcome"] == "error"
