"""Where the Collector, Jaeger, Prometheus and promtool are: `make backends` builds them."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "collector-config"
_FOLDER = ROOT / ".backends" / "bin"
_NAMES = ("otelcol", "jaeger", "prometheus", "promtool")


class NoBackends(Exception):
    """`make backends` has not built them, or not all of them."""

    def __init__(self) -> None:
        super().__init__(
            "collector-config/ is tested with the real Collector, Jaeger and Prometheus, and NOTHING OF THAT WAS "
            "TESTED: make backends (it needs Go 1.26 or newer)"
        )


def backends() -> Path:
    """The folder with all of them.

    Raises:
        NoBackends: one is missing.
    """
    if not all(os.access(_FOLDER / name, os.X_OK) for name in _NAMES):
        raise NoBackends
    return _FOLDER


def program(name: str) -> str:
    """The path of one."""
    return str(backends() / name)
