"""`make demo`: the driver runs as a user runs it, and its table says what became of every delivery."""

from __future__ import annotations

import io
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import NamedTuple

import pytest
from demo_deliveries import SECRETS, planned
from demo_servers import APPLICATIONS, Application, Server, StartError, environment_of, running
from demo_table import WIDTH, Result, show, wants_colour
from support.scale import FULL

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"
ESCAPE = "\x1b["


class Demo(NamedTuple):
    """What it said until it was interrupted, and then; and its own page meanwhile."""

    stdout: str
    page: str
    farewell: str
    stderr: str
    status: int


@pytest.fixture(scope="module")
def demo() -> Demo:
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, str(DEMO)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl+C" in line:
                break
        address = re.search(r"http://127\.0\.0\.1:\d+", said)
        if address is None:
            pytest.fail(said + process.communicate()[1])
        with urllib.request.urlopen(f"{address[0]}/deliveries") as page:  # noqa: S310  # loopback
            shown = page.read().decode()
        process.send_signal(signal.SIGINT)
        farewell, errors = process.communicate(timeout=60)
        return Demo(said, shown, farewell, errors, process.returncode)


@pytest.fixture(scope="module")
def rows(demo: Demo) -> list[list[str]]:
    """The table's rows, cell by cell, with the framework in each."""
    found: list[list[str]] = []
    framework = ""
    for line in demo.stdout.splitlines():
        cells = re.split(r" {2,}", line.strip())
        if re.search(r"  \d{3}  ", line):
            framework = cells.pop(0) if not line.startswith(" ") else framework
            found.append([framework, *cells])
    return found


def test_every_span_has_arrived_and_it_stays_up_with_its_dashboard_until_it_is_interrupted(
    demo: Demo,
) -> None:
    assert (demo.status, demo.stderr) == (0, "")
    assert "21 of 21 spans arrived." in demo.stdout
    assert "charge.refunded" in demo.page
    assert "Everything is stopped" in demo.farewell


if FULL:

    def test_it_ends_by_itself_where_that_is_asked() -> None:
        done = subprocess.run([sys.executable, str(DEMO), "--exit"], stdin=subprocess.DEVNULL, check=False)  # noqa: S603
        assert done.returncode == 0


def test_the_table_fits_a_terminal_and_has_no_colour_in_a_pipe(demo: Demo) -> None:
    table, _, _ = demo.stdout.partition("\nLook at them at ")
    assert max(map(len, table.splitlines())) <= WIDTH
    assert ESCAPE not in demo.stdout
    assert demo.stdout.isascii()


@pytest.mark.parametrize("framework", ["FastAPI", "Flask", "Django"])
@pytest.mark.parametrize(
    ("sent", "verdict"),
    [
        ("genuine", ["200", "valid", "completed"]),
        ("the same again", ["200", "valid", "replayed"]),
        ("re-serialised body", ["401", "parsed_body", "-"]),
        ("signed an hour ago", ["401", "timestamp_drift", "-"]),
        ("genuine", ["200", "valid", "silent_drop"]),
        ("genuine", ["200", "valid", "failed"]),
    ],
)
def test_every_framework_shows_every_outcome(
    rows: list[list[str]], framework: str, sent: str, verdict: list[str]
) -> None:
    assert [row for row in rows if row[0] == framework and row[3:] == [sent, *verdict]]


@pytest.mark.parametrize(
    ("framework", "sent"),
    [("FastAPI", "wrong secret"), ("Flask", "another's secret"), ("Django", "wrong secret")],
)
def test_a_wrong_secret_is_told_from_a_changed_body(rows: list[list[str]], framework: str, sent: str) -> None:
    assert [row[4:] for row in rows if row[0] == framework and row[3] == sent] == [
        ["401", "hmac_mismatch", "-"]
    ]


def test_five_providers_are_shown(rows: list[list[str]]) -> None:
    assert {row[1] for row in rows} == {"stripe", "github", "shopify", "slack", "svix"}


@pytest.mark.parametrize(
    "words",
    [
        "failed: no order for charge ch_0000",
        "failed: the bank refused the refund",
        "failed: there is no account for user_000",
        "silent drop: answered without marking",
        "it was parsed and re-serialised",
        "the secret of /webhooks/slack (slack)",
        "Signed 360",
    ],
)
def test_what_is_wrong_stands_below_in_plain_words(demo: Demo, words: str) -> None:
    assert words in " ".join(demo.stdout.split())


def test_a_delivery_without_its_span_is_a_complaint() -> None:
    delivery = next(planned())
    output = io.StringIO()

    show([Result(delivery, 200, [])], output)

    assert "no span" in output.getvalue()
    assert "No spans arrived for this delivery, instead of one." in output.getvalue()


def test_a_span_that_says_something_else_is_a_complaint() -> None:
    document = {"http.response.status_code": 200, "signature.valid": True}

    complaint = Result(next(planned()), 200, [document]).complaint

    assert complaint == "Expected: 200, valid, completed."


def test_a_terminal_gets_colour_unless_no_color_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert wants_colour(terminal)
    show([Result(next(planned()), 200, [])], terminal)
    assert ESCAPE in terminal.getvalue()

    monkeypatch.setenv("NO_COLOR", "1")
    assert not wants_colour(terminal)
    assert not wants_colour(io.StringIO())


def test_an_application_that_does_not_start_is_reported_with_its_log(tmp_path: Path) -> None:
    command = ("opentelemetry-instrument", "gunicorn", "no_such_shop:app", "-b", ":{port}")
    broken = Application("Flask", "shop", "flask_app", command)
    server = Server(broken, environment_of("http://127.0.0.1:1", "any", {}), tmp_path / "shop.log")
    try:
        with pytest.raises(StartError) as caught:
            server.wait_until_ready(deadline=float("inf"))
    finally:
        server.ask_to_stop()
        server.wait_until_stopped()

    assert "ended with status" in str(caught.value)
    assert "opentelemetry-instrument gunicorn no_such_shop:app" in str(caught.value)
    assert "No module named 'no_such_shop'" in str(caught.value)


def test_the_servers_are_stopped_whatever_happens() -> None:
    class MishapError(Exception):
        pass

    chosen = APPLICATIONS if FULL else APPLICATIONS[1:]

    def mishap() -> None:
        with running(chosen, environment_of("http://127.0.0.1:1", "any", SECRETS)) as by_framework:
            servers.update(by_framework)
            raise MishapError

    servers: dict[str, Server] = {}
    with pytest.raises(MishapError):
        mishap()

    assert set(servers) == {application.framework for application in chosen}
    for server in servers.values():
        with pytest.raises(ConnectionRefusedError):
            server.request("GET", "/", b"", {})
