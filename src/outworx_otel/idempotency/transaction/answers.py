"""What is done after the transaction, in threads of its own: a delivery waits for it 250 ms at most."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from outworx_otel.errors import StoreError
from outworx_otel.idempotency.guarded_store import BUDGET
from outworx_otel.idempotency.workers import WorkerPool
from outworx_otel.process.forks import PerProcess
from outworx_otel.process.job_waiting import await_, wait
from outworx_otel.process.jobs import Job

_workers: Final = PerProcess(lambda: WorkerPool(2, "outworx-answers"))


def keep(call: Callable[[], Any]) -> Any:
    """Makes a blocking call.

    Raises:
        StoreError: it took too long; it may be done all the same.
    """
    job = Job(call, time.monotonic() + BUDGET)
    wait(_workers(), job, BUDGET)
    return _outcome(job)


async def akeep(call: Callable[[], Any]) -> Any:
    """The same on an event loop, which goes on meanwhile."""
    job = Job(call, time.monotonic() + BUDGET)
    await await_(_workers(), job, BUDGET)
    return _outcome(job)


_TIDY_EVERY: Final = 60.0
_tidied_at: list[float] = []


def is_time_to_tidy() -> bool:
    """True once a minute in each process, and the first time."""
    now = time.monotonic()
    if _tidied_at and now - _tidied_at[0] < _TIDY_EVERY:
        return False
    _tidied_at[:] = [now]
    return True


def _outcome(job: Job[Any]) -> Any:
    if not job.done:
        raise StoreError(f"the database did not answer within {BUDGET:g} s")
    if job.error is not None:
        raise job.error
    return job.value
