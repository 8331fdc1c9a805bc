"""`outworx serve`: ingest, store, dashboard and tunnel in one process.

What it needs is in the extra `server`, and is imported only when it is asked for: the commands that send, replay and
forward use `server.replay` where only the package itself is installed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from outworx_otel.server.app import create_app
    from outworx_otel.server.serving import serve
    from outworx_otel.server.settings import Settings

__all__ = ["Settings", "create_app", "serve"]

_MODULES = {"Settings": "settings", "create_app": "app", "serve": "serving"}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
