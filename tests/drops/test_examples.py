"""Each bug of the reference page, in each framework: the cause, and the exact line."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .delivering import line_of
from .drive import EXAMPLES

HERE = Path(__file__).parent
APPS = ("fastapi_app", "flask_app", "django_app")
# Bug, and the marker's words after the framework's and the kind's names.
BUGS = {
    "early-return": ("early_return", "early return"),
    "swallowed-exception": ("swallowed_exception", "swallowed exception"),
    "missing-await": ("missing_await", "missing await"),
}
EVERY_BUG = [
    pytest.param(app, kind, bug, id=f"{app}-{kind}-{bug}")
    for app in APPS
    for kind in ("async", "sync")
    for bug in BUGS
]


@functools.cache
def deliveries(python: Path, app: str) -> list[dict[str, Any]]:
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OUTWORX_"))
    }
    run = subprocess.run(  # noqa: S603  # our own tests, our own Python
        [python, HERE / "drive.py", app],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=HERE.parents[1],
        env=environment,
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def delivery(python: Path, app: str, path: str) -> dict[str, Any]:
    (found,) = [one for one in deliveries(python, app) if one["path"] == path]
    assert found["status"] == 200
    assert found["processing"] == "silent_drop"
    return found


def assert_accused(found: dict[str, Any], cause: str, file: str, marker: str) -> None:
    source = str(EXAMPLES / file)
    assert (found["cause"], found["file"], found["line"]) == (cause, source, line_of(marker, source)), found
    assert cause in found["explanation"]


@pytest.mark.parametrize(("app", "kind", "bug"), EVERY_BUG)
def test_the_cause_and_the_exact_line(newest: Path, app: str, kind: str, bug: str) -> None:
    cause, words = BUGS[bug]
    found = delivery(newest, app, f"/{kind}/{bug}")
    assert_accused(found, cause, f"{app}.py", f"{app.removesuffix('_app')} {kind} {words}")
    swallowed = "business.PaymentDeclined" if bug == "swallowed-exception" else None
    assert found["exception_type"] == swallowed


@pytest.mark.parametrize(
    ("app", "path", "marker"),
    [
        ("fastapi_app", "/async/helper", "awaited helper"),
        ("fastapi_app", "/sync/helper", "helper"),
        ("flask_app", "/sync/helper", "helper"),
        ("django_app", "/async/helper", "awaited helper"),
        ("django_app", "/sync/helper", "helper"),
    ],
)
def test_a_return_in_a_helper_where_the_mark_was_expected(
    newest: Path, app: str, path: str, marker: str
) -> None:
    assert_accused(delivery(newest, app, path), "early_return", "business.py", marker)


@pytest.mark.parametrize("app", ["flask_app", "django_app"])
def test_a_view_class(newest: Path, app: str) -> None:
    found = delivery(newest, app, "/class/early-return")
    assert_accused(found, "early_return", f"{app}.py", f"{app.removesuffix('_app')} class early return")


def test_a_handler_that_never_marks(newest: Path) -> None:
    found = delivery(newest, "fastapi_app", "/async/never-marked")
    assert_accused(found, "never_marked", "fastapi_app.py", "fastapi async never marked")


def test_what_else_was_found_is_told_in_events(newest: Path) -> None:
    found = delivery(newest, "fastapi_app", "/sync/swallowed-exception")
    (other,) = found["others"]
    assert other["outworx.webhook.silent_drop.cause"] == "early_return"
    assert other["code.line.number"] == found["line"] + 1


@pytest.mark.parametrize("app", APPS)
def test_correct_handlers_with_harmless_exceptions_are_never_accused(newest: Path, app: str) -> None:
    correct = [one for one in deliveries(newest, app) if one["path"].endswith("/correct")]
    assert len(correct) >= 3
    for one in correct:
        assert (one["cause"], one["line"], one["others"]) == (None, None, [])
    assert {one["processing"] for one in correct} == {"completed", "failed"}


@pytest.mark.parametrize(
    "app",
    # Its decorators make sync functions of async views before.
    ["fastapi_app", "flask_app", pytest.param("django_app", marks=pytest.mark.needs("django >=5"))],
)
@pytest.mark.parametrize("kind", ["async", "sync"])
def test_a_missing_await_is_found_on_this_python_whatever_its_age(app: str, kind: str) -> None:
    found = delivery(Path(sys.executable), app, f"/{kind}/missing-await")
    assert_accused(found, "missing_await", f"{app}.py", f"{app.removesuffix('_app')} {kind} missing await")
