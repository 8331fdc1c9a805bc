"""One blocking call that a thread makes for somebody who may stop waiting for it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Generic, TypeVar, cast

logger = logging.getLogger("outworx_otel")

T = TypeVar("T")


class Job(Generic[T]):
    """One blocking call, made by a worker, and its result.

    Args:
        call: what to do.
        deadline: on the monotonic clock; a job whose turn comes later is not begun.
    """

    __slots__ = ("_call", "_undo", "_value", "deadline", "done", "error", "notify")

    def __init__(self, call: Callable[[], T], deadline: float) -> None:
        self._call = call
        self._undo: Callable[[], Any] | None = None
        self.deadline = deadline
        self.notify: Callable[[], Any] | None = None
        self.done = False
        self._value: T | None = None
        self.error: BaseException | None = None

    def abandon(self, undo: Callable[[], Any]) -> bool:
        """Gives the job up: it is not begun if it still waits, else it is undone when it ends.

        Returns:
            True where it was done already, so that the caller has to see to the undoing.
        """
        self._undo = undo
        return self.done

    @property
    def value(self) -> T:
        """What the call returned, once it is done without an error."""
        return cast("T", self._value)

    def run(self) -> None:
        """Called by the worker; never raises."""
        if self._undo is not None:
            return
        try:
            if time.monotonic() >= self.deadline:
                raise TimeoutError("every connection was busy")
            self._value = self._call()
        except BaseException as error:  # noqa: BLE001  # carried to the caller, who decides
            self.error = error
        self.done = True
        if self.notify is not None:
            self.notify()
        # `abandon` sets `_undo` before it reads `done`, so that one of both sides sees the other.
        if self._undo is not None:
            try:
                self._undo()
            except Exception as error:  # noqa: BLE001  # the lease's end undoes it as well
                logger.debug("an abandoned claim could not be released: %s", type(error).__name__)
