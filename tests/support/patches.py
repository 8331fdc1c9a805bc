"""What our instrumentors have put in place, taken out again."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any


def take_out() -> None:
    """Leaves frameworks as they are without us; also what `instrument_app` or an adapter mounted by hand needs."""
    loaded = sys.modules.get("outworx_otel.integrations._instrumentor")
    for instrumentor in _below(loaded.Instrumentor) if loaded is not None else ():
        if hasattr(instrumentor, "patches"):
            instrumentor.reach._apps.clear()
            for patch in instrumentor.patches:
                patch.remove()


def _below(kind: Any) -> Iterator[Any]:
    for one in kind.__subclasses__():
        yield one
        yield from _below(one)
