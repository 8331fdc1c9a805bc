"""Sends what is queued where a server's process ends without `atexit` and with a handler of its own for SIGTERM.

- Children of `multiprocessing` (hypercorn's and granian's workers) end by `os._exit` after their finalizers.
- uvicorn restores the default disposition and raises SIGTERM again: an application with a lifespan is told before
  (`integrations/asgi.py`), Django has none. So its `Server.shutdown` flushes once more at its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

import wrapt

_covered = False


def cover(flush: Callable[[], object], is_needed: Callable[[], bool]) -> None:
    """Sees to it that `flush` is called at those ends. Called again, it changes nothing.

    Args:
        flush: sends what is queued; bounded, blocks.
        is_needed: whether SIGTERM itself would not send it.
    """
    global _covered
    if not _covered:
        _covered = True
        wrapt.register_post_import_hook(partial(_cover_children, flush), "multiprocessing.util")
        wrapt.register_post_import_hook(partial(_cover_uvicorn, flush, is_needed), "uvicorn.server")


class _Here:
    """`multiprocessing` holds what it calls after a fork by an object."""


_here = _Here()


def _cover_children(flush: Callable[[], object], util: Any) -> None:
    def finalize(_: object = None) -> None:
        # Its finalizers are called in the process that made them alone.
        util.Finalize(None, flush, exitpriority=1)

    if _is_child():
        finalize()
    util.register_after_fork(_here, finalize)


def _is_child() -> bool:
    from multiprocessing.process import parent_process

    return parent_process() is not None


def _cover_uvicorn(flush: Callable[[], object], is_needed: Callable[[], bool], module: Any) -> None:
    async def shutdown(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        result = await wrapped(*args, **kwargs)
        if is_needed():
            await asyncio.to_thread(flush)
        return result

    server = getattr(module, "Server", None)
    if callable(getattr(server, "shutdown", None)):
        wrapt.wrap_function_wrapper(server, "shutdown", shutdown)
