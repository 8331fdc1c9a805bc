"""`instrument_app` of something round the application works, or says at once that it cannot."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from flask import Flask
from starlette.applications import Starlette

import outworx_otel
from outworx_otel.integrations.django import DjangoInstrumentor
from outworx_otel.integrations.fastapi import FastAPIInstrumentor
from outworx_otel.integrations.flask import FlaskInstrumentor
from outworx_otel.integrations.starlette import StarletteInstrumentor

from . import rows_wrapped
from .columns import EveryWay
from .rows_plain import ONE
from .site import Site

INSTRUMENT_APP = {
    "starlette": (StarletteInstrumentor.instrument_app, Starlette),
    "fastapi": (FastAPIInstrumentor.instrument_app, FastAPI),
    "flask": (FlaskInstrumentor.instrument_app, lambda: Flask("shop")),
}
MISSPELT = ("endpoint", "endpionts", "routes")
Open = Callable[..., Site]


class TestAWrappedApplication(EveryWay):
    ROWS = rows_wrapped.ROWS


@pytest.mark.parametrize("name", MISSPELT)
@pytest.mark.parametrize("framework", INSTRUMENT_APP)
def test_a_misspelt_argument_of_instrument_app_is_an_error(
    framework: str, name: str, open_site: Open
) -> None:
    open_site()
    instrument_app, made = INSTRUMENT_APP[framework]
    switch: Any = instrument_app
    with pytest.raises((outworx_otel.ConfigurationError, TypeError), match=name):
        switch(made(), **{name: ONE})


@pytest.mark.parametrize(
    "kind", [StarletteInstrumentor, FastAPIInstrumentor, FlaskInstrumentor, DjangoInstrumentor]
)
@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_argument_of_an_instrumentor_is_an_error(kind: Any, name: str, open_site: Open) -> None:
    open_site()
    with pytest.raises((outworx_otel.ConfigurationError, TypeError), match=name):
        kind().instrument(**{name: ONE})


@pytest.mark.parametrize("name", MISSPELT)
def test_a_misspelt_argument_of_instrument_is_an_error(name: str, open_site: Open) -> None:
    open_site()
    switch: Any = outworx_otel.instrument
    with pytest.raises((outworx_otel.ConfigurationError, TypeError), match=name):
        switch(**{name: ONE})
