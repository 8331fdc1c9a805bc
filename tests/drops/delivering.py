"""Calls handlers as an adapter does, watched, and finds lines by their comments."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

from outworx_otel.delivery.track import TrackContext
from outworx_otel.drops import Finding, watch


def deliver(handler: Any, *args: Any, call: Callable[..., Any] | None = None) -> tuple[Finding, ...]:
    """What is found of one delivery to `handler`, which is given a handle and then `args`.

    `call` stands in for the handler where the framework calls something else (a view class's `as_view()`). Nothing is
    asked of a delivery that was marked, as in the lifecycle.
    """
    track = TrackContext()

    async def run() -> tuple[Finding, ...]:
        watched = watch(handler)
        assert watched is not None
        try:
            answer = (call or handler)(track, *args)
            if inspect.isawaitable(answer):
                awaitable, answer = answer, None
                await awaitable
            return () if track.mark is not None else watched.findings()
        finally:
            watched.close()

    return asyncio.run(run())


def line_of(marker: str, file: str) -> int:
    """The only line of `file` that ends in `# here: marker`, or `# drop: marker`.

    Raises:
        AssertionError: there is none, or there are several.
    """
    lines = Path(file).read_text().splitlines()
    found = [
        number
        for number, line in enumerate(lines, 1)
        if line.endswith((f"# here: {marker}", f"# drop: {marker}"))
    ]
    assert len(found) == 1, f"{marker!r} stands on {found} in {file}"
    return found[0]
