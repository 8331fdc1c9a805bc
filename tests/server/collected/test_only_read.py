"""A server that shows the collector's table takes nothing, changes nothing, and says what it cannot tell."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from support.clickhouse import ENGINE, PASSWORD, ClickHouse
from support.commands import outworx
from support.exports import JSON, PROTOBUF, counter, traces
from support.otel_traces import COLUMNS, ddl
from support.receiver import free_port
from support.sender import NO_CERTIFICATES
from support.serve_command import Command

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.store import StoreUnavailable
from server.ingest.serving import Serving

from .exporter import MINUTE, Exporter, busy, delivery, raising

pytestmark = pytest.mark.needs(ENGINE)

Showing = Callable[..., Serving]
_TOLD = (
    "SELECT table, name, type, compression_codec, is_in_partition_key, is_in_sorting_key FROM system.columns"
    " WHERE database = {name:String} ORDER BY table, position",
    "SELECT table, name, type_full, expr, granularity FROM system.data_skipping_indices"
    " WHERE database = {name:String} ORDER BY table, name",
    "SELECT name, engine, partition_key, sorting_key FROM system.tables WHERE database = {name:String} ORDER BY name",
)


@pytest.mark.parametrize(
    ("path", "body", "headers"),
    [
        ("/v1/traces", traces([delivery()]).SerializeToString(), PROTOBUF),
        ("/v1/traces", b"{}", JSON),
        ("/v1/metrics", counter(1).SerializeToString(), PROTOBUF),
        ("/api/ingest/v1/traces", traces([delivery()]).SerializeToString(), PROTOBUF),
        ("/api/ingest", b'{"events": []}', JSON),
    ],
)
def test_ingest_is_answered_405_and_why(
    exporter: Exporter, showing: Showing, path: str, body: bytes, headers: dict[str, str]
) -> None:
    answer = showing(exporter).post(path, body, headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == ""
    assert b"the table otel_traces, which the OpenTelemetry collector writes" in answer.content
    assert b"Send to the collector" in answer.content


def test_nothing_is_made_or_changed_in_the_database(exporter: Exporter, showing: Showing) -> None:
    exporter.write(*busy(bytes(range(16))))
    before = exporter.written()
    server = showing(exporter)
    first = server.deliveries()[0]["id"]
    for path in (
        "/",
        "/deliveries",
        f"/deliveries/{first}",
        "/alerts",
        "/api/overview",
        "/deliveries.csv",
        "/metrics",
    ):
        assert server.client.get(path).status_code == 200, path
    for path in (f"/api/deliveries/{first}", "/api/deliveries?before=-1h"):
        answer = server.client.delete(path)
        assert answer.status_code == 405
        assert "only reads the table otel_traces" in answer.text
    server.stop()
    assert exporter.written() == before


@pytest.mark.parametrize("readonly", ["1", "2"])
def test_a_user_who_may_only_read_is_enough(
    exporter: Exporter, clickhouse: ClickHouse, showing: Showing, readonly: str
) -> None:
    """The double knows one user: the settings of all its connections are those of a profile."""
    exporter.write(traces([delivery()]))
    clickhouse.profile(readonly=readonly)
    try:
        assert len(showing(exporter).deliveries()) == 1
    finally:
        clickhouse.profile()


def test_what_is_not_known_is_said_and_not_shown_as_none(
    exporter: Exporter, showing: Showing, tmp_path: Path
) -> None:
    exporter.write(traces([raising()]))
    server = showing(exporter)
    for path in ("/api/problems", "/api/problems/1", "/api/alerts"):
        answer = server.client.get(path)
        assert answer.status_code == 501
        assert "are not known here" in answer.json()["error"]
    key = server.post("/api/sdk/idempotency/check", b'{"key": "k"}', JSON)
    assert (key.status_code, "idempotency keys are not known here" in key.text) == (501, True)
    overview, alerts = (server.client.get(path).text for path in ("/", "/alerts"))
    assert "No open problem" not in overview
    assert "Problems are not looked for here" in overview
    assert "No rule has found anything" not in alerts
    assert "are not known here" in alerts
    listed = server.client.get("/api/deliveries?problem=3")
    assert (listed.status_code, "are not known here" in listed.text) == (400, True)
    said = outworx("problems", "--endpoint", server.url, cwd=tmp_path)
    assert said.code != 0
    assert "are not known here" in said.err


def test_an_empty_table_says_where_to_send(exporter: Exporter, showing: Showing) -> None:
    page = html.unescape(showing(exporter).client.get("/").text)
    assert "No delivery is in the collector's table yet" in page
    assert "OUTWORX_ENDPOINT" not in page


def test_what_is_written_later_is_shown(exporter: Exporter, showing: Showing) -> None:
    server = showing(exporter)
    assert server.deliveries() == []
    exporter.write(traces([delivery(ago=MINUTE)]))
    assert len(server.deliveries()) == 1


def test_a_table_that_is_not_there_is_said(
    clickhouse: ClickHouse, exporter: Exporter, showing: Showing
) -> None:
    exporter.url = exporter.url.replace("otel_traces", "spans")
    with pytest.raises(StoreUnavailable, match="there is no table 'spans' in this database"):
        showing(exporter)


def test_the_schema_of_json_is_said_not_to_be_read(exporter: Exporter, showing: Showing) -> None:
    columns = ", ".join(
        f"`{name}` {'JSON' if kind.startswith('Map') else kind}" for name, kind in COLUMNS.items()
    )
    columns = columns.replace("Array(Map(LowCardinality(String), String))", "Array(JSON)")
    exporter.run(f"CREATE TABLE {exporter.database}.as_json ({columns}) ENGINE = MergeTree ORDER BY SpanName")
    exporter.url = exporter.url.replace("otel_traces", "as_json")
    with pytest.raises(
        ConfigurationError, match="`json: true` of the collector's exporter, which is not read"
    ):
        showing(exporter)


def test_another_table_is_said_to_be_none_of_the_exporters(exporter: Exporter, showing: Showing) -> None:
    exporter.run(f"CREATE TABLE {exporter.database}.orders (id UInt64) ENGINE = MergeTree ORDER BY id")
    exporter.url = exporter.url.replace("otel_traces", "orders")
    with pytest.raises(ConfigurationError, match="no table of the collector's ClickHouse exporter"):
        showing(exporter)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda url: url + "&cluster=one", "cluster= is for tables of our own"),
        (lambda url: url.replace("otel_traces", "a`b"), "table= may have letters"),
        (lambda url: url + "&timeout=0.5", "timeout= is how many seconds an answer is waited for"),
    ],
    ids=["cluster", "name", "timeout"],
)
def test_a_url_that_cannot_be_used_is_said(
    exporter: Exporter, showing: Showing, change: Callable[[str], str], said: str
) -> None:
    exporter.url = change(exporter.url)
    with pytest.raises(ConfigurationError, match=re.escape(said)) as raised:
        showing(exporter)
    assert PASSWORD.replace(" ", "%20") not in str(raised.value)


def test_channels_beside_it_are_refused(exporter: Exporter, tmp_path: Path) -> None:
    (tmp_path / "serve.toml").write_text('[[channels]]\nname = "log"\ncommand = ["true"]\n')
    said = outworx("serve", "--port", "0", "--database", exporter.url, "--config", "serve.toml", cwd=tmp_path)
    assert said.code == 2
    assert "[[channels]]: there are no alerts" in said.err


def test_an_outage_is_answered_503_and_is_over_when_it_is(
    exporter: Exporter, clickhouse: ClickHouse, showing: Showing
) -> None:
    exporter.write(traces([delivery()]))
    server = showing(exporter)
    clickhouse.fault("unavailable")
    answer = server.client.get("/api/deliveries")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert server.client.get("/healthz").status_code == 503
    clickhouse.well()
    assert len(server.deliveries()) == 1


def test_a_view_of_the_table_shows_the_same(exporter: Exporter, showing: Showing) -> None:
    exporter.write(*busy(bytes(range(3, 19))))
    queries = ("", "outcome=failed", "q=evt_1", "route=/github", "q=KeyErr")

    def shown() -> list[object]:
        server = showing(exporter)
        overview = server.client.get("/api/overview?range=2h").json()
        lists = [server.client.get(f"/api/deliveries?{query}").json()["deliveries"] for query in queries]
        one = server.client.get(f"/api/deliveries/{lists[0][0]['id']}").json()
        server.stop()
        return [*lists, one, overview["events"]]

    expected = shown()
    assert all(expected)
    view = f"CREATE VIEW {exporter.database}.seen AS SELECT * FROM {exporter.database}.{exporter.table}"  # noqa: S608
    exporter.run(view)
    exporter.url = exporter.url.replace("otel_traces", "seen")
    assert shown() == expected


@pytest.mark.parametrize("how", ["hang", "half"])
def test_a_server_that_stops_answering_is_given_up(
    exporter: Exporter, clickhouse: ClickHouse, showing: Showing, how: str
) -> None:
    exporter.write(traces([delivery()]))
    exporter.url += "&timeout=2"
    server = showing(exporter)
    clickhouse.fault(how)
    for path in ("/", "/api/deliveries"):
        page = server.client.get(path)
        assert page.status_code == 503
        assert "does not answer: is the server running, and reachable from here?" in page.text
    clickhouse.well()
    assert len(server.deliveries()) == 1


def test_the_engine_in_the_process_shows_the_same(clickhouse: ClickHouse, tmp_path: Path) -> None:
    """`chdb://` opens the folder that the double has written."""
    with ClickHouse() as other:
        exporter = Exporter(other)
        exporter.write(*busy(bytes(range(1, 17))))
        expected = Serving(exporter.url, state=f"sqlite:///{tmp_path / 'state.db'}")
        listed = expected.deliveries()
        expected.stop()
        other.stop()
        url = f"chdb:///{other.folder / 'data'}?table=otel_traces&database={exporter.database}"
        command = Command(
            tmp_path, ["--database", url, "--state", f"sqlite:///{tmp_path / 'other.db'}"]
        ).start()
        try:
            assert "otel_traces, which the collector writes" in command.said()
            found = httpx.get(f"{command.url}/api/deliveries", params={"limit": 100}, verify=NO_CERTIFICATES)
            assert found.json()["deliveries"] == listed
            assert len(listed) > 10
        finally:
            command.end()


def test_the_exporters_own_statements_make_the_same_tables(
    clickhouse: ClickHouse, exporter_module: Path
) -> None:
    made = []
    for database in ("mine", "theirs"):
        clickhouse.client().command(f"CREATE DATABASE {database} ENGINE = Atomic")
        for statement in ddl(database) if database == "mine" else _their(exporter_module, database):
            clickhouse.client().command(statement)
        made.append([clickhouse.client().query(one, {"name": database}).result_rows for one in _TOLD])
    assert made[0] == made[1]
    assert len(made[0][0]) == 28


def _their(source: Path, database: str) -> list[str]:
    """The templates, filled in as its renderCreate... functions do."""
    texts = [
        (source / "internal" / "sqltemplates" / f"traces_{name}.sql").read_text().replace("%q", '"%s"')
        for name in ("table", "id_ts_lookup_table", "id_ts_lookup_mv")
    ]
    name = (database, "otel_traces", "")
    return [
        texts[0] % (*name, "MergeTree()", ""),
        texts[1] % (*name, "MergeTree()", ""),
        texts[2] % (*name, database, "otel_traces", database, "otel_traces"),
    ]


def test_a_port_that_is_closed_is_said_at_the_start(tmp_path: Path) -> None:
    url = f"clickhouse://reader:hush-hush@127.0.0.1:{free_port()}/otel?table=otel_traces"
    said = outworx("serve", "--port", "0", "--database", url, cwd=tmp_path)
    assert said.code == 1
    assert "does not answer" in said.err
    assert "hush-hush" not in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_an_overview_that_is_too_wide_becomes_a_shorter_one(
    exporter: Exporter, clickhouse: ClickHouse, showing: Showing
) -> None:
    exporter.write(*busy(bytes(range(2, 18))))
    server = showing(exporter)
    clickhouse.profile(max_rows_to_read="1")
    try:
        answer = server.client.get("/", params={"range": "-7d", "service": "shop"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/?range=-24h&service=shop")
        shortest = server.client.get("/", params={"range": "-1h"})
        assert (shortest.status_code, "narrow the time" in shortest.text) == (400, True)
    finally:
        clickhouse.profile()
