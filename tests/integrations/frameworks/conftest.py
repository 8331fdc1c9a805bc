"""Fixtures: those of the integrations, with aiohttp and Litestar as the frameworks."""

from __future__ import annotations

import pytest
from support.calls import Framework

from .apps import AioHTTPKind, LitestarKind

KINDS: tuple[Framework, ...] = (AioHTTPKind(), LitestarKind())


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def framework(request: pytest.FixtureRequest) -> Framework:
    """aiohttp and Litestar."""
    kind: Framework = request.param
    return kind


@pytest.fixture
def each(framework: Framework) -> Framework:
    """The same, for tests that run once per framework."""
    return framework
