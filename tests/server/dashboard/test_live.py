"""Server-sent events, on a real server."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from outworx_otel.server.live import MAX_LISTENERS, MAX_WAITING, Live, TooManyListeners
from server.dashboard.kept import delivery
from server.dashboard.serving import filled, listening


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with listening(filled(tmp_path)) as address:
        yield address


def send(address: str, provider: str, *event_types: str) -> None:
    """As the older SDK sends events: all in one request."""
    events = [
        {
            "provider": provider,
            "status_code": 200,
            "success": True,
            "duration_ms": 12.5,
            "payload_size": 120,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "event_type": event_type,
        }
        for event_type in event_types or ("charge.succeeded",)
    ]
    httpx.post(f"{address}/api/ingest", json={"events": events}).raise_for_status()


@contextlib.contextmanager
def stream(address: str, query: str = "") -> Iterator[Iterator[tuple[str, dict[str, object]]]]:
    """The events of `/live`; when this begins, the server listens."""
    with httpx.stream("GET", f"{address}/live{query}", timeout=20) as response:
        response.raise_for_status()
        assert response.headers["content-type"].startswith("text/event-stream")
        events = _events(response)
        assert next(events)[0] == "ready"
        yield events


def _events(response: httpx.Response) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def test_what_arrives_and_fits_the_filter_is_told(server: str) -> None:
    with stream(server, "?provider=github") as events:
        send(server, "stripe", "charge.succeeded")
        send(server, "github", "<b>push</b>")
        name, news = next(events)
    assert name == "deliveries"
    assert "&lt;b&gt;push&lt;/b&gt;" in str(news["rows"])
    assert "charge.succeeded" not in str(news["rows"])
    assert news["spared"] == 0


def test_a_filter_that_makes_no_sense_is_refused(server: str) -> None:
    assert httpx.get(f"{server}/live?outcome=nonsense").status_code == 400


def test_asking_for_the_head_of_the_stream_ends_at_once(server: str) -> None:
    assert httpx.head(f"{server}/live").status_code == 200


def test_more_pages_than_there_is_room_for_are_turned_away_until_one_closes(server: str) -> None:
    with contextlib.ExitStack() as stack:
        last = contextlib.ExitStack()
        for _ in range(MAX_LISTENERS - 1):
            stack.enter_context(stream(server))
        with last:
            last.enter_context(stream(server))
            refused = httpx.get(f"{server}/live")
            assert refused.status_code == 503
            assert refused.headers["retry-after"]
        deadline = time.monotonic() + 10
        while True:
            with httpx.stream("GET", f"{server}/live", timeout=20) as again:
                if again.status_code == 200:
                    break
            assert time.monotonic() < deadline, "a closed page's place was never given back"


def test_an_open_page_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        with listening(filled(tmp_path)) as address:
            events = stack.enter_context(stream(address))
        # `listening` has joined the server's thread: it ended although the stream was open.
        with contextlib.suppress(httpx.HTTPError):
            assert not list(events)


def test_a_slow_page_loses_the_oldest_and_is_told_how_many() -> None:
    async def slow() -> None:
        live = Live()
        with live.listen() as listener:
            for number in range(MAX_WAITING + 7):
                live.publish([delivery(number=number)])
            taken, lost = await listener.next(1)
            assert (len(taken), lost) == (MAX_WAITING, 7)
            assert await listener.next(0.001) == ([], 0)

    asyncio.run(slow())


def test_closing_ends_every_listener_that_is_or_comes() -> None:
    async def close() -> None:
        live = Live()
        with live.listen() as listener:
            live.close()
            assert listener.closed
            await listener.next(60)
        with live.listen() as late:
            assert late.closed
        assert live.listeners == 0

    asyncio.run(close())


def test_there_are_only_so_many_listeners() -> None:
    live = Live()
    with contextlib.ExitStack() as stack:
        for _ in range(MAX_LISTENERS):
            stack.enter_context(live.listen())
        with pytest.raises(TooManyListeners), live.listen():
            pass
