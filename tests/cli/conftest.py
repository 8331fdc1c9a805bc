"""Fixtures: a running application, and an empty folder to be in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Fixtures, which pytest finds here by their names.
from idempotency.conftest import pgbouncer, postgres_server  # noqa: F401

from .site import DEPLOYMENTS, Site, site


@pytest.fixture(scope="session", params=DEPLOYMENTS)
def application(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A FastAPI application under uvicorn, and a Flask one under gunicorn."""
    with site(request.param, tmp_path_factory.mktemp(request.param)) as running:
        yield running


@pytest.fixture(scope="session")
def fastapi(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The FastAPI application alone."""
    with site("uvicorn-fastapi", tmp_path_factory.mktemp("fastapi")) as running:
        yield running


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and an environment that configures nothing."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith(("OTEL_", "OUTWORX_"))]:
        monkeypatch.delenv(name)
    return tmp_path
