"""However it is told to stop: soon, cleanly, and with everything that it has acknowledged."""

from __future__ import annotations

import signal
import threading
import time

import httpx
import pytest

from .conftest import Start

BATCHES = 40


def batch(number: int) -> dict[str, object]:
    now = time.time_ns()
    return {
        "resourceSpans": [
            {
                "scopeSpans": [
                    {
                        "scope": {"name": "outworx_otel"},
                        "spans": [
                            {
                                "traceId": f"{number + 1:032x}",
                                "spanId": f"{number + 1:016x}",
                                "name": "webhook stripe",
                                "kind": 5,
                                "startTimeUnixNano": str(now),
                                "endTimeUnixNano": str(now + 1000),
                                "attributes": [
                                    {
                                        "key": "outworx.webhook.provider",
                                        "value": {"stringValue": "stripe"},
                                    }
                                ],
                            }
                        ],
                    }
                ]
            }
        ]
    }


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_what_was_acknowledged_is_there_after_a_restart(start: Start, signum: int) -> None:
    server = start()
    acknowledged: set[str] = set()
    first = threading.Event()

    def send() -> None:
        with httpx.Client(base_url=server.url) as sender:
            for number in range(10_000):
                try:
                    answer = sender.post("/v1/traces", json=batch(number))
                except httpx.TransportError:
                    return
                if answer.status_code == 200:
                    acknowledged.add(f"{number + 1:032x}")
                if number == BATCHES:
                    first.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert first.wait(30)
    assert server.end(signum) == 0, server.said()
    sender.join(30)
    assert "Traceback" not in server.said()

    again = start()
    found: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        page = httpx.get(f"{again.url}/api/deliveries", params={"limit": "500", "cursor": cursor}).json()
        found |= {delivery["trace_id"] for delivery in page["deliveries"]}
        cursor = page["next_cursor"]
    assert len(acknowledged) > BATCHES
    assert acknowledged <= found


def test_open_pages_and_held_polls_do_not_delay_the_end(start: Start) -> None:
    server = start()
    with httpx.Client(base_url=server.url, timeout=60) as caller:
        session = caller.post("/api/forward/sessions", json={}).json()["sessionId"]
        ended: list[str] = []
        open_now = threading.Semaphore(0)

        def watch() -> None:
            with httpx.stream("GET", f"{server.url}/live", timeout=60) as stream:
                assert stream.headers["content-type"].startswith("text/event-stream")
                open_now.release()
                for _ in stream.iter_bytes():
                    pass
            ended.append("live")

        def poll() -> None:
            open_now.release()
            caller.get("/api/forward/poll", params={"session": session})
            ended.append("poll")

        held = [threading.Thread(target=work) for work in (watch, poll)]
        for thread in held:
            thread.start()
        for _ in held:
            assert open_now.acquire(timeout=30)
        # A poll is held for 25 s and a live page for ever: neither is waited for.
        assert server.end(patience=15) == 0, server.said()
        for thread in held:
            thread.join(30)
    assert sorted(ended) == ["live", "poll"]
    assert "Traceback" not in server.said()
    assert "Cancel" not in server.said()
