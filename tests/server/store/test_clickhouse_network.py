"""The column store over the network: what an outage, a kill and a slow server cost, and what is said of it."""

from __future__ import annotations

import itertools
import logging
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from support.clickhouse import ENGINE, PASSWORD, ClickHouse
from support.commands import outworx
from support.exports import PROTOBUF, WEBHOOK, span, traces
from support.scale import scaled
from support.sender import NO_CERTIFICATES
from support.serve_command import Command

from outworx_otel.export import OutworxSpanProcessor, RetryPolicy
from outworx_otel.server.model import Filter
from outworx_otel.server.store import Store, StoreUnavailable
from outworx_otel.telemetry import semconv
from server.ingest.serving import Serving

from .conftest import MIB, OpenStore
from .samples import batch, deliveries

pytestmark = pytest.mark.needs(ENGINE)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[ClickHouse]:
    with ClickHouse() as started:
        yield started


@pytest.fixture
def clickhouse(server: ClickHouse) -> Iterator[ClickHouse]:
    """With an empty database."""
    server.database = f"outworx_{next(_numbers)}"
    server.client(database="default").command(f"CREATE DATABASE {server.database} ENGINE = Atomic")
    yield server
    server.restore()
    server.well()


@pytest.fixture
def serving(clickhouse: ClickHouse, tmp_path: Path) -> Iterator[Serving]:
    started = Serving(clickhouse.url, state=f"sqlite:///{tmp_path / 'state.db'}")
    yield started
    started.stop()


def kept(clickhouse: ClickHouse) -> tuple[int, int]:
    """How many deliveries there are, and how many different ones."""
    client = clickhouse.client()
    return tuple(client.query("SELECT count(), uniqExact(id) FROM outworx_deliveries").result_rows[0])


def test_the_network_reads_and_writes_what_the_engine_does(
    clickhouse: ClickHouse, chdb_url: str, open_store: OpenStore, tmp_path: Path
) -> None:
    stores = [
        open_store(clickhouse.url, state=f"sqlite:///{tmp_path / 'network.db'}"),
        open_store(chdb_url),
    ]
    found = []
    for store in stores:
        store.write(batch(*deliveries(300))).result()
        page, hits = store.listed(Filter(provider="stripe"), 20)
        whole = [store.delivery(one.id) for one in page.deliveries]
        found.append((page, hits, whole, store.hits(Filter(search="invoice"))))
    assert found[0] == found[1]
    assert len(found[0][0].deliveries) == 20


@pytest.mark.parametrize("how", ["unavailable", "reset", "lost", "refused"])
def test_an_outage_is_answered_503_and_what_is_sent_again_is_kept_once(
    clickhouse: ClickHouse, serving: Serving, how: str
) -> None:
    body = traces([span() for _ in range(5)]).SerializeToString()
    assert serving.post("/v1/traces", body, PROTOBUF).status_code == 200
    more = traces([span() for _ in range(5)]).SerializeToString()
    if how == "refused":
        clickhouse.stop(signal.SIGTERM)
    else:
        clickhouse.fault(how, matching="INSERT INTO")
    answer = serving.post("/v1/traces", more, PROTOBUF)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    clickhouse.restore()
    clickhouse.well()
    for again in (more, body, more):
        assert serving.post("/v1/traces", again, PROTOBUF).status_code == 200
    assert kept(clickhouse) == (10, 10)
    assert len(serving.deliveries()) == 10


def test_the_exporter_keeps_what_an_outage_refuses_and_sends_it_again(
    clickhouse: ClickHouse, serving: Serving
) -> None:
    processor = OutworxSpanProcessor(
        "key-of-tests", serving.url, schedule_delay=20, retry_policy=RetryPolicy(keep=60.0, first_wait=0.05)
    )
    provider = TracerProvider()
    provider.add_span_processor(processor)
    tracer = provider.get_tracer(semconv.SCOPE)
    clickhouse.fault("unavailable", times=2)
    for _ in range(scaled(500, 50)):
        tracer.start_span("webhook stripe", attributes=dict(WEBHOOK)).end()
    assert processor.force_flush(60_000)
    provider.shutdown()
    assert kept(clickhouse) == (scaled(500, 50),) * 2


class Senders:
    """Threads that send deliveries to a server until they are stopped, each batch until it is acknowledged."""

    def __init__(self, url: Callable[[], str], count: int = 3) -> None:
        self._url = url
        self._stopped = threading.Event()
        self.acknowledged: list[str] = []
        self._threads = [threading.Thread(target=self._send) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _send(self) -> None:
        while not self._stopped.is_set():
            spans = [span() for _ in range(10)]
            body = traces(spans).SerializeToString()
            while not self._acknowledged(body):
                time.sleep(0.05)
            self.acknowledged += [one.trace_id.hex()[16:] + one.span_id.hex() for one in spans]

    def _acknowledged(self, body: bytes) -> bool:
        address = f"{self._url()}/v1/traces"
        try:
            answer = httpx.post(address, content=body, headers=PROTOBUF, timeout=60, verify=NO_CERTIFICATES)
        except httpx.HTTPError:
            return False
        assert answer.status_code in (200, 503), answer.text
        return answer.status_code == 200

    def until(self, more: int) -> None:
        """Waits for so many more to be acknowledged."""
        wanted, patience = len(self.acknowledged) + more, time.monotonic() + 120
        while len(self.acknowledged) < wanted:
            assert time.monotonic() < patience, f"{len(self.acknowledged)} of {wanted}"
            time.sleep(0.02)

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()


def test_kills_of_either_side_lose_and_double_nothing(clickhouse: ClickHouse, tmp_path: Path) -> None:
    def command() -> Command:
        state = f"sqlite:///{tmp_path / 'state.db'}"
        return Command(tmp_path, ["--database", clickhouse.url, "--state", state]).start()

    servers = [command()]
    senders = Senders(lambda: servers[-1].url)
    try:
        for _ in range(scaled(8, 1)):
            senders.until(40)
            clickhouse.stop(signal.SIGKILL)
            clickhouse.start()
            senders.until(40)
            servers[-1].kill()
            servers.append(command())
        senders.until(40)
    finally:
        senders.stop()
        servers[-1].end()
    total, different = kept(clickhouse)
    assert total == different == len(senders.acknowledged) == len(set(senders.acknowledged))


def test_a_server_that_hangs_is_waited_for_by_so_many_bytes_and_no_more(
    clickhouse: ClickHouse, tmp_path: Path
) -> None:
    serving = Serving(clickhouse.url, state=f"sqlite:///{tmp_path / 'state.db'}", max_queued_bytes=400_000)
    large = [traces([span(attributes={"much": "x" * 150_000})]).SerializeToString() for _ in range(6)]
    answers: list[int] = []

    def send(body: bytes) -> None:
        answers.append(
            httpx.post(f"{serving.url}/v1/traces", content=body, headers=PROTOBUF, timeout=90).status_code
        )

    try:
        clickhouse.fault("hang", matching="INSERT INTO")
        threads = [threading.Thread(target=send, args=[body]) for body in large]
        for thread in threads:
            thread.start()
        # Those that there is no room for do not wait.
        while len(answers) < 3:
            time.sleep(0.02)
        assert set(answers) == {503}
        clickhouse.well()
        for thread in threads:
            thread.join()
        assert 200 in answers
        assert kept(clickhouse)[0] == answers.count(200)
    finally:
        clickhouse.well()
        serving.stop()


@pytest.mark.parametrize("how", ["hang", "half"])
def test_a_server_that_stops_answering_is_given_up_and_what_is_sent_again_is_kept_once(
    clickhouse: ClickHouse, tmp_path: Path, how: str
) -> None:
    serving = Serving(f"{clickhouse.url}?timeout=2", state=f"sqlite:///{tmp_path / 'state.db'}")
    bodies = [traces([span() for _ in range(5)]).SerializeToString() for _ in range(2)]
    try:
        assert serving.post("/v1/traces", bodies[0], PROTOBUF).status_code == 200
        clickhouse.fault(how)
        refused = serving.post("/v1/traces", bodies[1], PROTOBUF)
        assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (503, True)
        for path in ("/deliveries", "/api/deliveries"):
            page = serving.client.get(path)
            assert page.status_code == 503
            assert "does not answer: is the server running, and reachable from here?" in page.text
        clickhouse.well()
        for again in (bodies[1], bodies[0], bodies[1]):
            assert serving.post("/v1/traces", again, PROTOBUF).status_code == 200
        assert kept(clickhouse) == (10, 10)
        assert len(serving.deliveries()) == 10
    finally:
        clickhouse.well()
        serving.stop()


def test_what_accepts_and_never_answers_is_said_at_the_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"clickhouse://default:hush-hush@127.0.0.1:{silent.getsockname()[1]}/hooks?timeout=2"
        said = outworx("serve", "--port", "0", "--database", url, cwd=tmp_path)
    assert said.code == 1
    assert "it does not answer: is the server running, and reachable from here?" in said.err
    assert "hush-hush" not in said.err
    assert len(said.err.strip().splitlines()) == 1


def test_an_answer_that_cannot_be_read_is_an_outage(
    clickhouse: ClickHouse, open_store: OpenStore, tmp_path: Path
) -> None:
    store = open_store(clickhouse.url, state=f"sqlite:///{tmp_path / 'state.db'}")
    store.write(batch(*deliveries(5))).result(20)
    clickhouse.fault("garbled", matching="SELECT")
    with pytest.raises(StoreUnavailable, match="what it answered cannot be read"):
        store.deliveries(Filter(), 10)
    clickhouse.well()
    assert len(store.deliveries(Filter(), 10).deliveries) == 5


def test_a_wrong_password_is_said_in_a_line_without_it(clickhouse: ClickHouse, tmp_path: Path) -> None:
    wrong = clickhouse.url.replace(PASSWORD.replace(" ", "%20"), "not-the-password")
    command = Command(tmp_path, ["--database", wrong, "--state", f"sqlite:///{tmp_path / 'state.db'}"]).run()
    assert command.process.wait(60) == 1
    (line,) = command.said().strip().splitlines()
    assert "does not take this user and password" in line
    assert "not-the-password" not in line


def test_an_outage_is_logged_in_lines_of_ours_alone(clickhouse: ClickHouse, tmp_path: Path) -> None:
    state = f"sqlite:///{tmp_path / 'state.db'}"
    command = Command(tmp_path, ["--database", clickhouse.url, "--state", state]).start()
    before = command.said()
    clickhouse.stop(signal.SIGKILL)
    body = traces([span()]).SerializeToString()
    answers = [
        httpx.post(f"{command.url}/v1/traces", content=body, headers=PROTOBUF, timeout=60) for _ in range(3)
    ]
    assert [answer.status_code for answer in answers] == [503] * 3
    command.end()
    logged = command.said().removeprefix(before).strip().splitlines()
    assert logged
    assert [line for line in logged if not re.match(r"\d{4}-\S+ \S+ (WARNING|ERROR) the ", line)] == []
    assert len(logged) <= 6
    assert PASSWORD not in command.said()


def test_an_outage_at_the_start_is_said(
    clickhouse: ClickHouse, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    clickhouse.stop(signal.SIGKILL)
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(StoreUnavailable, match="it does not answer") as raised,
    ):
        Store(clickhouse.url, state=f"sqlite:///{tmp_path / 'state.db'}", max_queued_bytes=MIB)
    assert PASSWORD not in str(raised.value) + caplog.text
    assert "Traceback" not in caplog.text
