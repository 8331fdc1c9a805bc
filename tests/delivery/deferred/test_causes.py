"""Why resumed work was dropped: the causes that need `sys.monitoring`, and the one that does not.

Runs on Python 3.12 or newer; `test_newest_python.py` sees to that.
"""

from __future__ import annotations

import gc
from typing import Any

import pytest
from drops.delivering import line_of
from integrations.conftest import Telemetry

from outworx_otel import resume

from .delivering import Monitor, handed_on, process, processes, said


def book(order: dict[str, Any]) -> int:
    return int(order["amount"])  # here: raised


def test_an_exception_swallowed_in_resumed_work_is_its_cause(token: str, telemetry: Telemetry) -> None:
    with resume(token) as track:
        try:
            book({})
            track.processed()
        except KeyError:  # here: swallowed
            pass
    span = process(telemetry)
    assert said(span, "processing.status") == "silent_drop"
    assert said(span, "silent_drop.cause") == "swallowed_exception"
    assert span.attributes["exception.type"] == "KeyError"
    assert span.attributes["code.file.path"] == __file__
    assert span.attributes["code.line.number"] == line_of("swallowed", __file__)
    assert f"{__file__}:{line_of('raised', __file__)}" in said(span, "processing.reason")
    assert "swallowed_exception" in (span.status.description or "")


async def record() -> None:
    """Is never awaited."""


@pytest.mark.filterwarnings("ignore:coroutine 'record' was never awaited")
def test_a_coroutine_that_resumed_work_never_awaited_is_its_cause(token: str, telemetry: Telemetry) -> None:
    with resume(token):
        record()  # here: unawaited
        gc.collect()
    span = process(telemetry)
    assert said(span, "silent_drop.cause") == "missing_await"
    assert span.attributes["code.line.number"] == line_of("unawaited", __file__)


def test_marked_work_is_not_accused_of_what_it_handled(token: str, telemetry: Telemetry) -> None:
    with resume(token) as track:
        try:
            book({})
        except KeyError:
            track.processed()
    span = process(telemetry)
    assert said(span, "processing.status") == "completed"
    assert said(span, "silent_drop.cause") is None
    assert not span.events


def test_what_one_job_swallowed_is_not_laid_to_the_next(
    secret: str, monitor: Monitor, telemetry: Telemetry
) -> None:
    tokens = [handed_on(monitor) for _ in range(2)]
    with resume(tokens[0]):
        try:
            book({})
        except KeyError:
            gc.collect()
    with resume(tokens[1]):
        pass
    causes = [said(span, "silent_drop.cause") for span in processes(telemetry, 2)]
    assert causes == ["swallowed_exception", None]


def book_twice() -> None:
    try:
        book({"amount": "none"})
    except ValueError:
        book({})


def test_an_exception_that_goes_on_is_no_silent_drop(token: str, telemetry: Telemetry) -> None:
    with pytest.raises(KeyError), resume(token):
        book_twice()
    span = process(telemetry)
    assert said(span, "silent_drop.cause") is None
    assert span.attributes["error.type"] == "KeyError"
