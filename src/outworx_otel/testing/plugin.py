"""The pytest plugin: the fixture `webhooks`, and `--webhooks-fail-on-silent-drop`."""

from __future__ import annotations

import sys
from collections.abc import Generator, Iterator
from typing import Any, Final

import pytest

from outworx_otel.testing.capture import Webhooks, capture

_OPTION: Final = "--webhooks-fail-on-silent-drop"
_SETTING: Final = "webhooks_fail_on_silent_drop"
_MARKER: Final = "webhooks_allow_silent_drop"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option, and a setting of the same name for pyproject.toml."""
    group = parser.getgroup("outworx")
    group.addoption(
        _OPTION,
        action="store_true",
        default=None,
        help="fail a test in which a webhook was answered without the mark that its endpoint requires",
    )
    parser.addini(_SETTING, f"the same as {_OPTION}", type="bool", default=False)


def pytest_configure(config: pytest.Config) -> None:
    """The marker for tests that mean to drop a delivery."""
    config.addinivalue_line("markers", f"{_MARKER}: {_OPTION} does not fail this test")


@pytest.fixture
def webhooks() -> Iterator[Webhooks]:
    """The deliveries that were answered while the test ran."""
    with capture() as captured:
        yield captured


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, None]:
    """Fails a test that passed, and dropped a delivery."""
    wanted = item.config.getoption(_OPTION.lstrip("-").replace("-", "_"))
    if wanted is None:
        wanted = item.config.getini(_SETTING)
    if not wanted or item.get_closest_marker(_MARKER) is not None:
        yield
        return
    with capture() as captured:
        outcome = yield
    drops = captured.silent_drops
    if drops and outcome.excinfo is None:
        said = "\n".join(f"silent drop: {drop}" for drop in drops)
        if any(drop.cause is None for drop in drops) and sys.version_info < (3, 12):
            said += (
                "\n  (Python 3.12 and newer tell the line of an early return and of a swallowed exception)"
            )
        outcome.force_exception(pytest.fail.Exception(said, pytrace=False))
