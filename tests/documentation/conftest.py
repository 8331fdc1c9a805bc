"""What builds the site, and a browser that looks at it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from server.dashboard.browsing import chromium

from .sites import docs_python, small_site


@pytest.fixture(scope="session")
def site_builder() -> Path:
    """The environment of `make docs`."""
    return docs_python()


@pytest.fixture
def source(tmp_path: Path, site_builder: Path) -> Path:
    """A small site's sources, without a fault."""
    return small_site(tmp_path)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real Chromium."""
    with chromium() as browser:
        yield browser
