"""Deliveries, then SIGTERM: whatever server runs whatever framework, every span and every count arrives.

The table in `docs/servers.md` is of these rows. By default, one for each way in which a server ends.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from support.process import SITES
from support.scale import rows, scaled
from support.sender import deliver

from .arrivals import counted_deliveries, metrics, webhooks
from .conftest import Receive, Serve
from .servers import ROWS, Row

EXPORTING = {
    "OTEL_TRACES_EXPORTER": "outworx",
    "OTEL_METRICS_EXPORTER": "outworx",
    "OTEL_LOGS_EXPORTER": "none",
    "OUTWORX_HOOKS_API_KEY": "ohk_servers",
}
DELIVERIES = scaled(200, 40)
# multiprocessing's `os._exit`; SIGTERM again, without a lifespan; a fork that Python is not told of, in code and
# before uWSGI is there; greenlets that replace threads after the fork.
FIRST = {
    "granian, WSGI, flask, zero code",
    "gunicorn, uvicorn worker, django, zero code",
    "uWSGI, threads, flask, in code",
    "uWSGI, no threads, django, zero code",
    "gunicorn, gevent, preload, flask, in code",
}
DOCS = Path(__file__).parents[2] / "docs" / "servers.md"


@pytest.mark.parametrize(
    "row", rows([r for r in ROWS if str(r) in FIRST], [r for r in ROWS if str(r) not in FIRST]), ids=str
)
def test_deliveries_and_then_sigterm_lose_nothing(row: Row, receive: Receive, serve: Serve) -> None:
    receiver = receive()
    endpoint = receiver.endpoint
    server = serve(row.deployment, OUTWORX_HOOKS_ENDPOINT=endpoint, RECEIVER=endpoint, **EXPORTING)
    deliver(f"{server.url}/webhooks/github", DELIVERIES, keep_alive=row.keep_alive)
    server.terminate()
    if row.is_killed:
        return
    assert len({span.span_id for span in webhooks(receiver)}) == DELIVERIES
    assert counted_deliveries(metrics(receiver)) == DELIVERIES
    if not row.is_noisy:
        assert "Traceback" not in server.log()


def test_the_first_rows_are_rows() -> None:
    assert {str(row) for row in ROWS} >= FIRST
    assert (SITES / "in_code.py").exists()


def test_the_page_names_every_server() -> None:
    page = DOCS.read_text()
    assert [row.server for row in ROWS if f"| {row.server} |" not in page] == []
