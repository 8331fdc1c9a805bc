"""Every page with any query: an answer, a page that says what is wrong, and never a fault."""

from __future__ import annotations

import itertools
from urllib.parse import quote

import httpx
from support.exports import PROTOBUF, span, traces
from support.scale import FULL
from support.serve_command import Command

from outworx_otel.server.filters import PARAMETERS

from .conftest import Serve

NAMES = (*PARAMETERS, "limit", "cursor", "trail", "range")
VALUES = (
    "",
    "%00",
    "a%00b",
    "%FF",
    "%ED%A0%80",
    "-24h",
    "-999999w",
    "NaN",
    "0001-01-01T00:00:00%2B14:00",
    "9999-12-31T23:59:59-14:00",
    "99999999999.999999999",
    "%D9%A1",
    "1_0",
    quote("' OR 1=1 --"),
    quote("%_*?[a]\\"),
    quote("\r\nset-cookie: a=b"),
    quote("🎉" * 200),
    "x" * 5000,
    "a~" * 400,
    "1&provider=2",
)


def faults(server: Command, paths: tuple[str, ...]) -> list[tuple[str, int]]:
    with httpx.Client(base_url=server.url, timeout=20) as client:
        body = traces([span() for _ in range(60)]).SerializeToString()
        assert client.post("/v1/traces", content=body, headers=PROTOBUF).status_code == 200
        found = client.get("/api/deliveries?limit=5").json()
        values = (*VALUES, found["next_cursor"], found["next_cursor"][:-1], found["next_cursor"][::-1])
        known = f"/deliveries/{found['deliveries'][0]['id']}"
        pairs = itertools.product(NAMES, values)
        # Names with values in full; paths by turns, so that each gets every name (and, in a full run, every pair).
        asked = [
            f"{path}?{name}={value}"
            for number, (name, value) in enumerate(pairs)
            for path in (paths if FULL else (paths[number % len(paths)],))
        ]
        asked += [f"{known}?q={value}" for value in values]
        asked += [f"{path}{value}" for path in ("/deliveries/", "/api/deliveries/") for value in values[1:]]
        statuses = [(url, client.get(url).status_code) for url in asked]
    return [(url, status) for url, status in statuses if status >= 500]


def test_no_query_of_a_page_or_a_call_is_a_fault(serve: Serve) -> None:
    server = serve()
    assert faults(server, ("/", "/deliveries", "/deliveries.csv", "/api/deliveries")) == []
    assert "Traceback" not in server.said()
