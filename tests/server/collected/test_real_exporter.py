"""A real collector with the ClickHouse exporter writes what the other tests write in its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from collector.backends import program
from collector.conftest import backends  # noqa: F401  # a fixture, which pytest finds here by its name
from collector.daemon import Daemon
from support.clickhouse import PASSWORD, ClickHouse
from support.exports import PROTOBUF, both
from support.otel_traces import COLUMNS
from support.receiver import free_port
from support.sender import NO_CERTIFICATES

from server.ingest.serving import Serving

from .exporter import Exporter, busy, everything, raising, traces

DATABASE = "real"


class Collector(Daemon):
    """One that writes into a server's database; it makes the tables itself."""

    name = "otelcol"

    def __init__(self, folder: Path, server: ClickHouse) -> None:
        super().__init__(folder)
        self.port = free_port()
        exporter = {
            "endpoint": f"http://127.0.0.1:{server.port}",
            "username": "default",
            "password": PASSWORD,
            "database": DATABASE,
            "compress": "none",
            "sending_queue": {"enabled": False},
            "retry_on_failure": {"enabled": False},
        }
        self._file = folder / "collector.yaml"
        self._file.write_text(
            yaml.safe_dump(
                {
                    "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"127.0.0.1:{self.port}"}}}},
                    "exporters": {"clickhouse": exporter},
                    "service": {
                        "telemetry": {"metrics": {"level": "none"}},
                        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["clickhouse"]}},
                    },
                }
            )
        )

    def command(self) -> Sequence[str]:
        return [program("otelcol"), f"--config={self._file}"]

    def is_ready(self) -> bool:
        return "Everything is ready." in self.log()


@pytest.fixture
def collector(backends: Path, clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Collector]:  # noqa: F811
    started = Collector(tmp_path / "collector", clickhouse)
    started.start()
    yield started
    started.stop()
    print(started.log()[-3000:])


def test_its_rows_are_shown_and_are_those_of_the_other_tests(
    collector: Collector,
    clickhouse: ClickHouse,
    exporter: Exporter,
    showing: Callable[[str], Serving],
) -> None:
    sent = both(*busy(b"trace of a shop!"), traces([everything(), raising()]))
    answer = httpx.post(
        f"http://127.0.0.1:{collector.port}/v1/traces",
        content=sent.SerializeToString(),
        headers=PROTOBUF,
        timeout=60,
        verify=NO_CERTIFICATES,
    )
    assert answer.status_code == 200
    exporter.write(sent)

    def rows(database: str) -> list[Any]:
        names = ", ".join(f"`{name}`" for name in COLUMNS)
        statement = f"SELECT {names} FROM {database}.otel_traces ORDER BY SpanId"  # noqa: S608
        return list(clickhouse.client().query(statement).result_rows)

    assert rows(DATABASE) == rows(exporter.database)
    shown = [
        [
            {name: value for name, value in one.items() if name != "arrived"}
            for one in showing(url).deliveries()
        ]
        for url in (exporter.url, exporter.url.replace(exporter.database, DATABASE))
    ]
    assert shown[0] == shown[1]
    assert len(shown[0]) > 10
