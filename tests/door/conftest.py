"""Fixtures: a process without our variables, in a folder of its own, and a site with verification or without."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from opentelemetry import trace

import outworx_otel
from outworx_otel import InstrumentationError

# Their assertions explain themselves as those of a test module do.
pytest.register_assert_rewrite("door.columns")

from .site import Site  # noqa: E402

Open = Callable[..., Site]


@pytest.fixture
def open_site(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Open]:
    """Makes a site; `guarded=False` for the control."""
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    provider = trace._TRACER_PROVIDER

    def made(guarded: bool = True) -> Site:
        site = Site(guarded, monkeypatch, tmp_path)
        # An application sets its provider once in its life; here one life follows another.
        trace._TRACER_PROVIDER = site.tracer_provider
        outworx_otel.uninstrument()
        return site

    yield made
    trace._TRACER_PROVIDER = provider
    for name in list(os.environ):
        if name.startswith(("OTEL_", "OUTWORX_")):
            monkeypatch.delenv(name)
    outworx_otel.uninstrument()


@pytest.fixture
def failures(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Failures of ours, each of which is made an `InstrumentationError` where it is caught."""
    noted: list[str] = []

    def note(error: InstrumentationError, *args: object) -> None:
        Exception.__init__(error, *args)
        noted.append(repr(error))

    monkeypatch.setattr(InstrumentationError, "__init__", note)
    return noted
