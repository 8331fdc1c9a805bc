"""An application in each framework, instrumented for as long as a test runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from outworx_otel import instrument, uninstrument
from outworx_otel.testing import Webhooks, capture


@pytest.fixture(autouse=True)
def _instrumented() -> Iterator[None]:
    instrument()
    yield
    uninstrument()


@pytest.fixture
def captured() -> Iterator[Webhooks]:
    """What the fixture `webhooks` of the plugin gives."""
    with capture() as webhooks:
        yield webhooks
