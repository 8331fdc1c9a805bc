"""The current filter as a file."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.testclient import TestClient

from outworx_otel.server.dashboard import exports
from outworx_otel.server.model import Batch, StoredDelivery
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store, StoreUnavailable
from server.dashboard.attacks import HOSTILE_TEXT
from server.dashboard.kept import delivery
from server.dashboard.serving import client_of


def test_json_holds_everything_under_the_names_of_the_api(client: TestClient, kept: Batch) -> None:
    answer = client.get("/deliveries.json")
    document = answer.json()
    assert len(document["deliveries"]) == len(kept.deliveries)
    assert document["truncated"] is False
    assert "attachment" in answer.headers["content-disposition"]
    by_id = {one["id"]: one for one in document["deliveries"]}
    for summary in client.get("/api/deliveries?limit=500").json()["deliveries"]:
        for name, value in summary.items():
            # Where lists are looked through, a NUL stands as its picture; the delivery itself keeps it.
            assert by_id[summary["id"]][name] == value or "\0" in by_id[summary["id"]][name], name


def test_only_what_the_filter_lets_through_is_exported(client: TestClient) -> None:
    document = client.get("/deliveries.json?outcome=rejected&provider=github").json()
    assert [one["signature.reason"] for one in document["deliveries"]] == ["parsed_body"]
    rows = list(csv.DictReader(io.StringIO(client.get("/deliveries.csv?cause=early_return").text)))
    assert [row["silent_drop.cause"] for row in rows] == ["early_return"]
    assert rows[0]["http.response.status_code"] == "200"


def test_an_export_of_nothing_is_valid(client: TestClient) -> None:
    assert client.get("/deliveries.json?provider=nobody").json() == {"deliveries": [], "truncated": False}
    assert len(client.get("/deliveries.csv?provider=nobody").text.splitlines()) == 1
    assert client.get("/deliveries.csv?outcome=nonsense").status_code == 400


def test_hostile_text_survives_a_file(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get("/deliveries.csv?provider=evil").text, newline="")))
    assert rows[0]["event.type"] == HOSTILE_TEXT


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_cell_is_a_formula(start: str) -> None:
    assert exports.cell(start + "1+1") == f"'{start}1+1"


@given(st.text())
def test_every_other_text_is_a_cell_as_it_is(text: str) -> None:
    made = exports.cell(text)
    assert made == text or (made == f"'{text}" and text[:1] in "=+-@\t\r")


class _Kept:
    """A store of as many deliveries as are asked for."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def iterate(self, _: object, limit: int) -> object:
        if self._error is not None:
            raise self._error
        return (delivery(number=number) for number in range(limit))


def _exported(store: object, kind: str, limit: int) -> bytes:
    async def read() -> bytes:
        view = exports.Export(store, kind, limit)  # type: ignore[arg-type]  # `iterate` is all it needs
        response = await view.send(Request({"type": "http", "query_string": b"", "headers": []}))
        pieces: AsyncIterator[bytes] = response.body_iterator  # type: ignore[attr-defined]  # a stream
        return b"".join([piece async for piece in pieces])

    return asyncio.run(read())


@pytest.mark.parametrize("limit", [1, 199, 200, 201, 450])
def test_a_file_is_capped_and_says_so(limit: int) -> None:
    document = json.loads(_exported(_Kept(), "json", limit))
    assert len(document["deliveries"]) == limit
    assert document["truncated"] is True
    lines = _exported(_Kept(), "csv", limit).decode().splitlines()
    assert len(lines) == limit + 2
    assert "narrow the filter" in lines[-1]


def test_a_database_that_is_away_is_no_half_file() -> None:
    with pytest.raises(StoreUnavailable):
        _exported(_Kept(StoreUnavailable("away")), "csv", 10)


def test_a_page_says_that_the_database_is_away(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> StoredDelivery:
        raise StoreUnavailable("database is locked: another process holds it")

    with client_of(settings) as client:
        monkeypatch.setattr(Store, "delivery", away)
        answer = client.get("/deliveries/0123456789abcdef0123456789abcdef")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "another process holds it" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
