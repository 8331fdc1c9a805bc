"""Celery: a task sent after `track.defer()` carries the token; its success or failure ends the `process` span."""

from __future__ import annotations

import sys
from typing import Any

from celery import signals

from outworx_otel.integrations._background import CARRIED_AS, BackgroundInstrumentor, resumed, token_for_job

_WORK = "outworx_work"


def _publish(headers: dict[str, Any] | None = None, **_: Any) -> None:
    # A task that is retried is sent with the headers that it came with.
    if headers is not None and CARRIED_AS not in headers:
        token = token_for_job()
        if token is not None:
            headers[CARRIED_AS] = token


def _begin(task: Any = None, **_: Any) -> None:
    token = task.request.get(CARRIED_AS) or (task.request.headers or {}).get(CARRIED_AS)
    # The official instrumentor makes its span current by the same signals, and two of them do not nest.
    alone = "opentelemetry.instrumentation.celery" not in sys.modules
    setattr(task.request, _WORK, resumed(token, make_current=alone))


def _end(task: Any = None, state: str | None = None, retval: Any = None, **_: Any) -> None:
    work = task.request.get(_WORK)
    if work is None:
        return
    if state == "SUCCESS":
        work.track.processed()
    elif state == "IGNORED":
        work.track.ignored("the task raised Ignore")
    elif state != "FAILURE":
        work.track.failed(f"the task ended as {state}")
    again = state == "RETRY" or (state == "REJECTED" and getattr(retval, "requeue", False))
    work.end(retval if state == "FAILURE" and isinstance(retval, BaseException) else None, again=again)


class CeleryInstrumentor(BackgroundInstrumentor):
    """One `process` span for each task that a delivery's handler has deferred."""

    versions = "celery >= 5.3"

    def connect(self) -> None:
        """Puts everything in place."""
        signals.before_task_publish.connect(_publish, weak=False)
        signals.task_prerun.connect(_begin, weak=False)
        signals.task_postrun.connect(_end, weak=False)

    def _uninstrument(self, **kwargs: Any) -> None:
        signals.before_task_publish.disconnect(_publish)
        signals.task_prerun.disconnect(_begin)
        signals.task_postrun.disconnect(_end)
