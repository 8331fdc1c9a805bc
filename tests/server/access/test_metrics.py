"""`/metrics`, as Prometheus reads it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from starlette.testclient import TestClient
from support.exports import PROTOBUF, WEBHOOK, counter, span, traces

from outworx_otel.server.app import Application
from outworx_otel.server.store import transaction
from outworx_otel.telemetry import semconv
from server.ingest.serving import Serving

from .scene import HTML, application, client, log_in

EVENTS = (
    b'{"events": [{"provider": "github", "status_code": 200, "success": true, "duration_ms": 3, "payload_size": 9,'
    b' "timestamp": "2026-11-07T16:18:42Z"}, 7]}'
)
READER, SENDER = "a-key-to-read-with", "a-key-to-send-with"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """What a busy minute leaves: deliveries of three kinds, one of them twice, and what cannot be used."""
    serving = Serving(tmp_path_factory.mktemp("metrics") / "outworx.db")
    kept = [
        span(attributes={**WEBHOOK, semconv.OUTCOME: "accepted", semconv.SIGNATURE_VALID: True})
        for _ in range(3)
    ]
    hostile = span(attributes={**WEBHOOK, semconv.PROVIDER: 'a"b\\c\nd', semconv.SIGNATURE_VALID: False})
    for some in ([*kept, hostile], kept[:1], [span(), span(trace=b"short")]):
        serving.post("/v1/traces", traces(some).SerializeToString(), PROTOBUF)
    serving.post("/v1/metrics", counter(4).SerializeToString(), PROTOBUF)
    serving.post("/api/ingest", EVENTS)
    serving.client.get("/", headers=HTML)
    serving.client.get("/nowhere")
    yield serving
    serving.stop()


def numbers(text: str) -> dict[str, float]:
    return {
        f"{sample.name}{sorted(sample.labels.items()) or ''}": sample.value
        for family in read_text(text)
        for sample in family.samples
    }


def test_deliveries_are_counted_once_each(server: Serving) -> None:
    found = numbers(server.client.get("/metrics").text)
    named = [
        ("outcome", "accepted"),
        ("provider", "stripe"),
        ("route", "/webhooks/stripe"),
        ("service", "shop"),
    ]
    # One came twice.
    assert found[f"outworx_deliveries_total{named}"] == 4
    (odd,) = [name for name in found if "('provider', 'a\"b" in name]
    assert found[odd] == 1


def test_the_server_tells_of_itself(server: Serving) -> None:
    found = numbers(server.client.get("/metrics").text)
    assert found["outworx_ingest_items_total[('result', 'accepted'), ('signal', 'traces')]"] == 6
    assert found["outworx_ingest_items_total[('result', 'rejected'), ('signal', 'traces')]"] == 1
    assert found["outworx_ingest_items_total[('result', 'rejected'), ('signal', 'events')]"] == 1
    assert found["outworx_http_requests_total[('kind', 'ingest'), ('status', '200')]"] == 5
    assert found["outworx_http_requests_total[('kind', 'page'), ('status', '200')]"] == 1
    assert found["outworx_http_requests_total[('kind', 'page'), ('status', '404')]"] == 1
    assert found["outworx_database_size_bytes"] > 4096
    assert found["outworx_writer_commit_duration_seconds_count"] >= 4
    assert found["outworx_writer_queue_bytes"] == found["outworx_tunnels"] == found["outworx_live_pages"] == 0


def test_the_text_follows_the_conventions(server: Serving) -> None:
    """What promtool's lint asks for: help, base units, _total on counters alone; nothing named after a label."""
    answer = server.client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {family.name: family for family in read_text(answer.text)}
    ours = {name: family for name, family in families.items() if name.startswith("outworx_")}
    assert len(ours) >= 11
    for name, family in ours.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert family.documentation, name
        assert not name.endswith(("_ms", "_milliseconds", "_kb", "_mb", "_count", "_sum")), name
        assert (family.type == "counter") == any(
            sample.name.endswith("_total") for sample in family.samples
        ), name
    assert {family.type for family in ours.values()} == {"counter", "gauge", "histogram"}


def test_openmetrics_is_spoken_where_it_is_asked_for(server: Serving) -> None:
    answer = server.client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert "outworx_deliveries" in {family.name for family in read_openmetrics(answer.text)}


def test_an_attacker_cannot_make_as_many_series_as_he_likes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transaction, "MAX_COUNTED", 5)
    serving = Serving(tmp_path / "outworx.db")
    many = [
        span(attributes={**WEBHOOK, semconv.PROVIDER: f"p{n}", semconv.OUTCOME: "accepted"})
        for n in range(30)
    ]
    serving.post("/v1/traces", traces(many).SerializeToString(), PROTOBUF)
    found = {n: v for n, v in numbers(serving.client.get("/metrics").text).items() if "deliveries_total" in n}
    serving.stop()
    assert len(found) <= 6
    assert sum(found.values()) == 30


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Application]:
    app = application(tmp_path, api_keys=(f"read:{READER}", f"ingest:{SENDER}"))
    with client(app):
        yield app


def test_it_needs_a_key_that_reads_where_keys_are_needed(locked: Application) -> None:
    def asked(one: TestClient, **headers: str) -> int:
        return one.get("/metrics", headers=headers).status_code

    assert asked(client(locked)) == 401
    assert asked(client(locked), Authorization=f"Bearer {SENDER}") == 403
    assert asked(client(locked), Authorization=f"Bearer {READER}", Host="outworx:4318") == 200
    browser = client(locked)
    log_in(browser, READER)
    assert asked(browser) == 200


def test_a_database_that_is_away_hides_its_size_and_nothing_else(
    open_app: Application, tmp_path: Path
) -> None:
    (tmp_path / "outworx.db").rename(tmp_path / "aside.db")
    found = numbers(client(open_app).get("/metrics").text)
    assert "outworx_database_size_bytes" not in found
    assert "outworx_writer_queue_bytes" in found
