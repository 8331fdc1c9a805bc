"""Decodes exports in other processes while several come at once: Python decodes in one thread at a time, and the
thread that writes needs the interpreter too.

Such a process holds nothing: where it dies, the export is decoded here.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from typing import Final

from starlette.exceptions import HTTPException

from outworx_otel.server.ingest.decoder_process import DecoderProcess, Gone, Refused
from outworx_otel.server.ingest.decoding import Decoded, ExportBody, decode

MOST: Final = 2
"""Processes, and never more than there are other processors: one decodes as fast as one thread writes."""

IDLE_SECONDS: Final = 300.0
_STARTS_AGAIN_AFTER: Final = 60.0
_logger = logging.getLogger("outworx_otel.server")


class Decoders:
    """Decodes here, and, once two exports come at the same time, in processes. Called from any thread.

    Args:
        most: processes at most; 0: all is decoded here. None: as many as there are processors to spare, 2 at most.
        idle_seconds: after which a process ends that had nothing to do.
    """

    def __init__(self, most: int | None = None, idle_seconds: float = IDLE_SECONDS) -> None:
        self._most = _spare_processors() if most is None else most
        self._idle_seconds = idle_seconds
        self._changed = threading.Condition()
        self._idle: list[DecoderProcess] = []
        self._started: list[DecoderProcess] = []
        self._starting = False
        self._starts_from = 0.0
        self._at_work = 0
        self._closed = False
        self._told = False

    def decode(self, export: ExportBody) -> Decoded:
        """What an export holds; raises as `decoding.decode`."""
        with self._changed:
            self._at_work += 1
        try:
            process = self._taken()
            if process is None:
                return decode(export)
            try:
                answer = process.decode(export)
            except Exception:  # noqa: BLE001  # whatever it was, the export is still here
                self._lost(process)
                return decode(export)
            with self._changed:
                self._idle.append(process)
                self._changed.notify()
        finally:
            with self._changed:
                self._at_work -= 1
        if isinstance(answer, Refused):
            raise HTTPException(answer.status, answer.detail)
        return decode(export) if answer is None else answer

    def close(self) -> None:
        """Ends the processes; what comes afterwards is decoded here."""
        with self._changed:
            self._closed = True
            processes, self._started, self._idle = self._started, [], []
            self._changed.notify_all()
        for process in processes:
            process.kill()
            process.end()

    @property
    def processes(self) -> int:
        """Returns how many there are now."""
        return len(self._started)

    def _taken(self) -> DecoderProcess | None:
        """A process that has nothing to do, once there is one; None where none is ready."""
        with self._changed:
            self._start_one()
            while self._started and not self._idle:
                self._changed.wait()
            return self._idle.pop() if self._idle else None

    def _start_one(self) -> None:
        """Where another would be of use."""
        if (
            self._at_work > max(len(self._started), 1)
            and len(self._started) < self._most
            and not (self._starting or self._closed)
            and time.monotonic() >= self._starts_from
        ):
            try:
                threading.Thread(target=self._start, name="outworx-decoder-start", daemon=True).start()
            except RuntimeError:  # there is no thread to be had either
                self._starts_from = time.monotonic() + _STARTS_AGAIN_AFTER
            else:
                self._starting = True

    def _start(self) -> None:
        process, failure = None, ""
        try:
            process = DecoderProcess(self._idle_seconds)
            process.wait_until_ready()
        except (OSError, ValueError) as error:
            failure = str(error)
        except Gone:
            failure = "it ended at once; its own words are in this log"
        with self._changed:
            self._starting = False
            if failure:
                self._starts_from = time.monotonic() + _STARTS_AGAIN_AFTER
            elif process is not None and not self._closed:
                self._started.append(process)
                self._idle.append(process)
                self._changed.notify()
                return
        if process is not None:
            process.kill()
            process.end()
        if failure:
            self._say("none can be started: %s", failure)

    def _lost(self, process: DecoderProcess) -> None:
        status = process.end()
        with self._changed:
            is_idle_end = self._closed or not status
            if process in self._started:
                self._started.remove(process)
            if not is_idle_end:
                self._starts_from = time.monotonic() + _STARTS_AGAIN_AFTER
            self._changed.notify_all()
        if not is_idle_end:
            self._say("one ended with status %s", status)

    def _say(self, what: str, *arguments: object) -> None:
        """As a warning the first time."""
        level, self._told = logging.DEBUG if self._told else logging.WARNING, True
        _logger.log(
            level,
            f"processes that decode exports: {what}; exports are decoded in the server's own, which is slower where"
            " many come at once, and it is tried again in a minute",
            *arguments,
        )


def _spare_processors() -> int:
    if not sys.executable or getattr(sys, "frozen", False):
        # It is no Python that takes a program.
        return 0
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        processors = os.cpu_count() or 1
    return min(MOST, processors - 1)
