"""Decodes exports in other processes while several come at once: Python decodes in one thread at a time, and the
thread that writes needs the interpreter too.

Such a process is this interpreter with this `sys.path`, told of each export by its standard input. It holds nothing:
where it dies, the export is decoded here. It ends when nothing came for a while, and when its input is closed, as it
is when this process ends in whatever way.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from typing import Any, BinaryIO, Final

import msgspec
from starlette.exceptions import HTTPException

from outworx_otel.server.ingest.decoding import Decoded, ExportBody, decode

MOST: Final = 2
"""Processes, and never more than there are other processors: one decodes as fast as one thread writes."""

IDLE_SECONDS: Final = 300.0
ANSWERS_WITHIN: Final = 60.0
"""Seconds; the largest export that is taken needs a few."""
_STARTS_AGAIN_AFTER: Final = 60.0
_READY: Final = b"+"
_length: Final = struct.Struct(">I")
_logger = logging.getLogger("outworx_otel.server")


class _Refused(msgspec.Struct, array_like=True, tag=True):
    status: int
    detail: str


class _NotDecoded(msgspec.Struct, array_like=True, tag=True):
    """It has to be done where an error is told of."""


class _Gone(Exception):
    """It has ended."""


_answers: Final[Any] = msgspec.msgpack.Decoder(Decoded | _Refused | _NotDecoded)
_exports: Final[Any] = msgspec.msgpack.Decoder(ExportBody)


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
        self._idle: list[_Process] = []
        self._started: list[_Process] = []
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
        if isinstance(answer, _Refused):
            raise HTTPException(answer.status, answer.detail)
        return decode(export) if isinstance(answer, _NotDecoded) else answer

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

    def _taken(self) -> _Process | None:
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
            process = _Process(self._idle_seconds)
            process.wait_until_ready()
        except (OSError, ValueError) as error:
            failure = str(error)
        except _Gone:
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

    def _lost(self, process: _Process) -> None:
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


class _Process:
    """One of them; one export at a time."""

    def __init__(self, idle_seconds: float) -> None:
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main({idle_seconds!r})"
        # That path is complete; what else the variable names may be instrumentation that is meant for applications.
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        self._process = subprocess.Popen(  # noqa: S603  # ourselves
            [sys.executable, "-c", code, "outworx-decoder"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        self._in: Any = self._process.stdin
        self._out: Any = self._process.stdout

    def wait_until_ready(self) -> None:
        """Raises `_Gone` where it ended instead."""
        with self._bounded():
            _read(self._out, len(_READY))

    def decode(self, export: ExportBody) -> Decoded | _Refused | _NotDecoded:
        with self._bounded():
            _write(self._in, msgspec.msgpack.encode(export))
            answer = _read_frame(self._out)
        found: Decoded | _Refused | _NotDecoded = _answers.decode(answer)
        return found

    def kill(self) -> None:
        """Whoever waits for its answer is told that it is gone."""
        self._process.kill()

    def end(self) -> int:
        """Sees to it that it has ended; its exit status."""
        try:
            status = self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            status = self._process.wait()
        for pipe in (self._in, self._out):
            with contextlib.suppress(OSError):
                pipe.close()
        return status

    @contextlib.contextmanager
    def _bounded(self) -> Any:
        """What does not answer is killed: then its pipes end."""
        timer = threading.Timer(ANSWERS_WITHIN, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _spare_processors() -> int:
    if not sys.executable or getattr(sys, "frozen", False):
        # It is no Python that takes a program.
        return 0
    try:
        processors = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS, Windows
        processors = os.cpu_count() or 1
    return min(MOST, processors - 1)


def _write(pipe: BinaryIO, data: bytes) -> None:
    pipe.write(_length.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _read(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise _Gone
    return data


def _read_frame(pipe: BinaryIO) -> bytes:
    return _read(pipe, _length.unpack(_read(pipe, _length.size))[0])


def main(idle_seconds: float) -> None:
    """Such a process."""
    for number in (signal.SIGINT, signal.SIGTERM):
        # It ends with its parent, which may have exports to finish.
        signal.signal(number, signal.SIG_IGN)
    taken, given = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    # What is printed would be read as an answer.
    os.dup2(2, 1)
    gc.freeze()
    # All of an export is without cycles, and looking for some took a tenth of the time.
    gc.set_threshold(200_000, 20, 50)
    given.write(_READY)
    given.flush()
    with contextlib.suppress(_Gone, OSError):
        while True:
            idle = threading.Timer(idle_seconds, os._exit, (0,))
            idle.daemon = True
            idle.start()
            size = _read(taken, _length.size)
            idle.cancel()
            _write(given, _answer(_read(taken, _length.unpack(size)[0])))


def _answer(encoded: bytes) -> bytes:
    answer: Decoded | _Refused | _NotDecoded
    try:
        answer = decode(_exports.decode(encoded))
        return msgspec.msgpack.encode(answer)
    except HTTPException as error:
        answer = _Refused(error.status_code, error.detail)
    except Exception:  # noqa: BLE001  # told of where it happens again
        answer = _NotDecoded()
    return msgspec.msgpack.encode(answer)
