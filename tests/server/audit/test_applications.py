"""Two processes of an application that report to one server and share its keys."""

from __future__ import annotations

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from outworx_otel import sign

from .conftest import SECRET, Serve, Shop, eventually

BODY = json.dumps({"action": "opened"}).encode()
_COUNTED = re.compile(r"The metrics counted (\d+) deliveries in this time, (\d+)")


def deliver(client: httpx.Client, event: str, secret: str = SECRET) -> httpx.Response:
    headers = {"content-type": "application/json", "x-github-event": "issues", "x-github-delivery": event}
    return client.post("/webhooks/github", content=BODY, headers={**headers, **sign("github", BODY, secret)})


def test_the_server_s_keys_let_one_of_two_processes_run_a_handler_and_its_page_tells_the_whole_story(
    serve: Serve, shop: Shop, tmp_path: Path
) -> None:
    server = serve()
    shops = [shop(server), shop(server)]
    events = [f"event-{number}" for number in range(6)]
    with ThreadPoolExecutor(12) as pool:
        at_once = list(
            pool.map(lambda job: (job[1], deliver(*job)), [(one, event) for event in events for one in shops])
        )
    ran = Counter(line.split()[0] for line in (tmp_path / "ran").read_text().splitlines())
    assert ran == Counter(events)
    # Which of them came too late to find it running is a matter of the machine.
    assert {answer.status_code for _, answer in at_once} <= {200, 409}
    # Sent again, whichever process gets it: the answer of the one that ran it.
    first = {event: answer.json() for event, answer in at_once if answer.status_code == 200}
    assert set(first) == set(events)
    for event in events:
        for one in shops:
            again = deliver(one, event)
            assert (again.json(), again.headers["idempotent-replayed"]) == (first[event], "true")
    assert sum(ran.values()) == len(events)

    with httpx.Client(base_url=server.url, timeout=20) as client:
        listed: list[dict[str, object]] = []

        def all_there() -> bool:
            listed[:] = client.get("/api/deliveries?route=/webhooks/github").json()["deliveries"]
            return len(listed) == 24

        eventually(all_there, "not every delivery has come")
        outcomes = Counter(one["outcome"] for one in listed)
        assert (outcomes["accepted"], outcomes["replayed"] + outcomes["in_flight"]) == (6, 18)
        accepted = next(one for one in listed if one["outcome"] == "accepted")
        told: dict[str, Any] = {}

        def timeline() -> list[str]:
            told.update(client.get(f"/api/deliveries/{accepted['id']}").json())
            return [span["name"] for span in told["spans"]]

        eventually(lambda: "charge the card" in timeline(), "the application's own span has not come")
        assert told["request.body"] == BODY.decode()
        assert len(told["same_event"]) == 4
        page = client.get(f"/deliveries/{accepted['id']}").text
        assert "charge the card" in page
        assert str(accepted["trace_id"]) in page


def test_deliveries_of_a_flood_that_have_no_span_are_told_by_the_metrics(serve: Serve, shop: Shop) -> None:
    server = serve()
    one = shop(server)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda number: deliver(one, f"{number}", "wrong").status_code, range(60)))
    assert set(answers) == {401}
    with httpx.Client(base_url=server.url, timeout=20) as client:

        def counted() -> tuple[int, int] | None:
            found = _COUNTED.search(client.get("/?range=-1h").text)
            return None if found is None else (int(found[1]), int(found[2]))

        eventually(lambda: (counted() or (0, 0))[0] == 60, "the metrics did not come")
        listed = len(
            client.get("/api/deliveries?outcome=rejected&reason=hmac_mismatch&limit=500").json()["deliveries"]
        )
        assert 10 <= listed < 60
        eventually(lambda: counted() == (60, 60 - listed), "counted beside what is listed")


def test_an_application_outlives_its_server_s_end_and_finds_its_keys_again(
    serve: Serve, shop: Shop, tmp_path: Path
) -> None:
    server = serve()
    one = shop(server)
    first = deliver(one, "before")
    assert first.status_code == 200
    port = server.port
    server.kill()
    # Nobody knows whether it was handled before: it is handled.
    assert deliver(one, "meanwhile").status_code == 200
    server = serve("--port", str(port))

    def is_back() -> bool:
        # After failures the store is left alone for a moment.
        return deliver(one, "before").headers.get("idempotent-replayed") == "true"

    eventually(is_back, "the key was lost, or the server not asked again")
    assert deliver(one, "before").json() == first.json()
    with httpx.Client(base_url=server.url, timeout=20) as client:

        def outcomes() -> set[object]:
            listed = client.get("/api/deliveries?limit=500").json()["deliveries"]
            return {one.get("idempotency.outcome") for one in listed}

        eventually(lambda: outcomes() >= {"executed", "fail_open", "replayed"}, "a delivery was lost")
