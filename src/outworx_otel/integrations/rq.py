"""RQ: a job made after `track.defer()` carries the token in its meta; its end is the `process` span's."""

from __future__ import annotations

from typing import Any

from rq.job import Job, Retry

from outworx_otel.integrations._background import CARRIED_AS, BackgroundInstrumentor, resumed, token_for_job
from outworx_otel.integrations._patch import Patch


def _create(wrapped: Any, _: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    job = wrapped(*args, **kwargs)
    token = token_for_job()
    if token is not None:
        job.meta[CARRIED_AS] = token
    return job


def _perform(wrapped: Any, job: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    work = resumed(job.meta.get(CARRIED_AS) if isinstance(job.meta, dict) else None)
    if work is None:
        return wrapped(*args, **kwargs)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        work.end(error, again=bool(job.retries_left))
        raise
    if isinstance(result, Retry):  # a job may ask for it by what it returns
        again = (job.number_of_retries or 0) < result.max
        work.track.failed("the job asked for more retries than it may have")
        work.end(again=again)
    else:
        work.track.processed()
        work.end()
    return result


class RQInstrumentor(BackgroundInstrumentor):
    """One `process` span for each job that a delivery's handler has deferred."""

    versions = "rq >= 2.1"
    _patches = Patch(Job, "create", _create), Patch(Job, "perform", _perform)

    def connect(self) -> None:
        """Puts everything in place."""
        for patch in self._patches:
            patch.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        for patch in self._patches:
            patch.remove()
