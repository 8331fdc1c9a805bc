"""A real server with its history in ClickHouse's columns: from a signed request to the page, and killed meanwhile."""

from __future__ import annotations

import re
import signal
from pathlib import Path

import httpx
import pytest
from support.commands import outworx
from support.exports import PROTOBUF, WEBHOOK, span, traces

from server.store.conftest import ENGINE

from .conftest import SECRET, Serve, Shop, eventually

pytestmark = pytest.mark.needs(ENGINE)
COLUMNS = ("--database", "chdb:///columns", "--state", "sqlite:///state.db")


def test_a_delivery_is_triggered_listed_shown_and_on_its_page(
    serve: Serve, shop: Shop, tmp_path: Path
) -> None:
    server = serve(*COLUMNS)
    application = shop(server)
    target = f"{application.base_url}/webhooks/github"
    sent = outworx("trigger", "github", "push", "--to", target, "--secret", SECRET, cwd=tmp_path)
    assert sent.code == 0, sent
    with httpx.Client(base_url=server.url, timeout=30) as client:
        eventually(lambda: bool(client.get("/api/deliveries").json()["deliveries"]), "nothing arrived")
        (delivery,) = client.get("/api/deliveries?provider=github&outcome=accepted").json()["deliveries"]
        listed, shown = (
            outworx(*command, cwd=tmp_path, OUTWORX_ENDPOINT=server.url)
            for command in (("list",), ("show", delivery["id"]))
        )
        assert delivery["id"][:8] in listed.out
        assert "push" in shown.out
        assert "push" in client.get(f"/deliveries/{delivery['id']}").text
        assert "/webhooks/github" in client.get("/").text
    assert server.end() == 0


def test_what_was_acknowledged_is_there_after_a_kill_and_what_is_sent_again_is_there_once(
    serve: Serve,
) -> None:
    first = serve(*COLUMNS)
    bodies = [traces([span(attributes=WEBHOOK) for _ in range(20)]).SerializeToString() for _ in range(5)]
    with httpx.Client(base_url=first.url, timeout=30) as client:
        for body in bodies:
            assert client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200
    first.end(signal.SIGKILL)
    second = serve(*COLUMNS)
    with httpx.Client(base_url=second.url, timeout=30) as client:
        assert client.post("/v1/traces", content=bodies[-1], headers=PROTOBUF).status_code == 200
        assert len(client.get("/deliveries.json").json()["deliveries"]) == 100
        assert client.get("/healthz").status_code == 200


def test_its_start_says_where_the_state_is(serve: Serve) -> None:
    said = serve(*COLUMNS).said()
    assert re.search(r"Database +chdb:///columns\n +State +sqlite:///state.db", said)
