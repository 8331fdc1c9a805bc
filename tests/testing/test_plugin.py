"""The pytest plugin, run as an application's own test run would."""

from __future__ import annotations

import sys

import pytest

pytest_plugins = ["pytester"]

THE_LINE = "record(request.state.outworx_track)  # the very line"
APPLICATION = """
import pytest
from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from outworx_otel import instrument, webhook
from outworx_otel.testing import post_webhook

instrument()
app = FastAPI()


async def record(track):
    track.processed()


@app.post("/hook")
@webhook("stripe", require_processing_mark=True)
async def receive(request: Request):
    if (await request.json())["wanted"]:
        await record(request.state.outworx_track)
    else:
        record(request.state.outworx_track)  # the very line
    return "done"


client = TestClient(app)
"""

TESTS = """
from application import *


def test_wanted(webhooks):
    assert post_webhook(client, "/hook", "stripe", {"wanted": True}).status_code == 200
    assert webhooks.last.processing == "completed"


def test_unwanted():
    assert post_webhook(client, "/hook", "stripe", {"wanted": False}).status_code == 200


@pytest.mark.webhooks_allow_silent_drop
def test_of_a_drop(webhooks):
    post_webhook(client, "/hook", "stripe", {"wanted": False})
    assert webhooks.last.cause == "missing_await"


def test_that_fails_by_itself():
    post_webhook(client, "/hook", "stripe", {"wanted": False})
    assert False, "its own reason"
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # Loaded by name, whether or not this installation has the entry point.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyfile(application=APPLICATION, test_application=TESTS)
    return pytester


def run(project: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    return project.runpytest_subprocess(
        "-p", "outworx_otel.testing.plugin", "--strict-markers", "-W", "ignore::RuntimeWarning", *arguments
    )


def test_without_the_option_a_silent_drop_fails_nothing(project: pytest.Pytester) -> None:
    run(project).assert_outcomes(passed=3, failed=1)


def test_with_it_the_test_fails_and_shows_the_very_line(project: pytest.Pytester) -> None:
    result = run(project, "--webhooks-fail-on-silent-drop")
    result.assert_outcomes(passed=2, failed=2)
    source = project.path / "application.py"
    line = source.read_text().splitlines().index(f"        {THE_LINE}") + 1
    result.stdout.fnmatch_lines(
        [
            "silent drop: stripe /hook: answered 200, silent_drop",
            "*missing_await at *application.py:*in receive: coroutine 'record' was never awaited",
            f"*{source}:{line}: {THE_LINE}",
        ]
    )
    # A test that fails already keeps its own reason.
    result.stdout.fnmatch_lines(["*its own reason*"])


def test_the_setting_does_what_the_option_does(project: pytest.Pytester) -> None:
    project.makeini("[pytest]\nwebhooks_fail_on_silent_drop = true\n")
    run(project).assert_outcomes(passed=2, failed=2)


def test_it_says_which_python_would_know_more(project: pytest.Pytester) -> None:
    project.makepyfile(
        test_application="""
        from application import *

        @app.post("/never")
        @webhook("stripe", require_processing_mark=True)
        def never(): ...

        def test_never():
            post_webhook(client, "/never", "stripe", {})
        """
    )
    result = run(project, "--webhooks-fail-on-silent-drop")
    result.assert_outcomes(failed=1)
    expected = "*Python 3.12 and newer tell the line*" if sys.version_info < (3, 12) else "*never_marked at *"
    result.stdout.fnmatch_lines([expected])
