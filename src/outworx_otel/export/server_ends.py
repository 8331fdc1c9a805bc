"""Sends what is queued where a server's process ends without `atexit` and with a handler of its own for SIGTERM.

- Children of `multiprocessing` (hypercorn's and granian's workers) end by `os._exit` after their finalizers.
- uvicorn restores the default disposition and raises SIGTERM again: an application with a lifespan is told before
  (`integrations/asgi.py`), Django has none. So its `Server.shutdown` flushes once more at its end.
- Children of Celery's end by `os._exit` after `max_tasks_per_child`, also where `resume()` was called by hand.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import wrapt

from outworx_otel.export import open_queues
from outworx_otel.process.forks import at_first_work
from outworx_otel.process.job_waiting import off_loop

# A child of Celery's is replaced while others wait for its place.
_CELERY_SECONDS: Final = 2.0

_children: _Children | None = None


def cover(flush: Callable[..., object], is_needed: Callable[[], bool]) -> None:
    """Sees to it that `flush` is called at those ends. Called again, it changes nothing.

    Args:
        flush: sends what is queued; bounded, blocks, for other seconds if it is given them.
        is_needed: whether SIGTERM itself would not send it.
    """
    global _children
    if _children is None:
        _children = _Children(flush)
        at_first_work(_children.begin)
        open_queues.on_start(_children)
        # A spawned child makes its own providers.
        wrapt.register_post_import_hook(_children.begin, "multiprocessing.util")
        wrapt.register_post_import_hook(partial(_cover_uvicorn, flush, is_needed), "uvicorn.server")
        wrapt.register_post_import_hook(partial(_cover_celery, flush), "celery.signals")


class _Children:
    """Flushes at the end of a child that has something of its own to send.

    A forked one that has nothing would send its parent's counts a second time.
    """

    def __init__(self, flush: Callable[[], object]) -> None:
        self._flush = flush

    def begin(self, util: Any = None) -> None:
        """Called when the module is imported, and at a process's first delivery and first item of a queue."""
        util = util or sys.modules.get("multiprocessing.util")
        if util is not None and _is_child():
            util.Finalize(None, self._flush, exitpriority=1)


def _is_child() -> bool:
    from multiprocessing.process import parent_process

    return parent_process() is not None


def _cover_uvicorn(flush: Callable[[], object], is_needed: Callable[[], bool], module: Any) -> None:
    async def shutdown(wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        result = await wrapped(*args, **kwargs)
        if is_needed():
            await off_loop(flush)
        return result

    server = getattr(module, "Server", None)
    if callable(getattr(server, "shutdown", None)):
        wrapt.wrap_function_wrapper(server, "shutdown", shutdown)


def _cover_celery(flush: Callable[..., object], signals: Any) -> None:
    def ends(**_: Any) -> None:
        flush(_CELERY_SECONDS)

    signals.worker_process_shutdown.connect(ends, weak=False)
