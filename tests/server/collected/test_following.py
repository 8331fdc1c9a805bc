"""Open pages learn of what the collector has written meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.clickhouse import ENGINE
from support.exports import traces

from outworx_otel.server.collected import Follower
from outworx_otel.server.live import Live
from server.ingest.serving import Serving

from .exporter import MINUTE, Exporter, delivery

pytestmark = pytest.mark.needs(ENGINE)


def test_a_look_finds_what_was_not_there_before(exporter: Exporter, showing: Callable[..., Serving]) -> None:
    exporter.write(traces([delivery(), delivery(ago=60 * MINUTE)]))
    follower = Follower(showing(exporter).app._store, Live())
    assert len(follower.look()) == 1
    late, early = delivery(ago=1), delivery(ago=MINUTE * 3 // 2)
    exporter.write(traces([late, early]))
    assert [one.span_id for one in follower.look()] == [late.span_id.hex(), early.span_id.hex()]
    assert follower.look() == []


def test_an_open_page_is_told(exporter: Exporter, showing: Callable[..., Serving]) -> None:
    server = showing(exporter)
    with server.client.stream("GET", "/live", timeout=60) as events:
        lines = events.iter_lines()
        assert next(lines) == "event: ready"
        written = delivery(ago=1)
        exporter.write(traces([written]))
        for line in lines:
            if line == "event: deliveries":
                news = json.loads(next(lines).removeprefix("data: "))
                break
    assert written.span_id.hex() in news["rows"]
