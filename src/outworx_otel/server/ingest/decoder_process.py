"""A process that decodes exports: this interpreter with this `sys.path`, told of each by its standard input.

It ends when nothing came for a while, and when its input is closed, as it is when its parent ends in whatever way.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Final

import msgspec
from starlette.exceptions import HTTPException

from outworx_otel.server.ingest.decoding import Decoded, ExportBody, decode

ANSWERS_WITHIN: Final = 60.0
"""Seconds; the largest export that is taken needs a few."""

_READY: Final = b"+"
_length: Final = struct.Struct(">I")


class Refused(msgspec.Struct, array_like=True, tag=True):
    """What `decoding.decode` raised."""

    status: int
    detail: str


class Gone(Exception):
    """It has ended."""


Answer = Decoded | Refused | None
"""None: it failed, and has to be decoded where an error is told of."""

_answers: Final[Any] = msgspec.msgpack.Decoder(Answer)
_exports: Final[Any] = msgspec.msgpack.Decoder(ExportBody)


class DecoderProcess:
    """Decodes one export at a time.

    Args:
        idle_seconds: after which it ends when nothing came.

    Raises:
        OSError: it cannot be started.
    """

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
        """Raises `Gone` where it ended instead."""
        with self._bounded():
            _read(self._out, len(_READY))

    def decode(self, export: ExportBody) -> Answer:
        """What `decoding.decode` comes to; raises `Gone` or OSError where it ended."""
        with self._bounded():
            _write(self._in, msgspec.msgpack.encode(export))
            answer = _read_frame(self._out)
        found: Answer = _answers.decode(answer)
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
    def _bounded(self) -> Iterator[None]:
        """What does not answer is killed: then its pipes end."""
        timer = threading.Timer(ANSWERS_WITHIN, self._process.kill)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()


def _write(pipe: BinaryIO, data: bytes) -> None:
    pipe.write(_length.pack(len(data)))
    pipe.write(data)
    pipe.flush()


def _read(pipe: BinaryIO, size: int) -> bytes:
    data = pipe.read(size)
    if len(data) < size:
        raise Gone
    return data


def _read_frame(pipe: BinaryIO) -> bytes:
    return _read(pipe, _length.unpack(_read(pipe, _length.size))[0])


def main(idle_seconds: float) -> None:
    """What such a process does."""
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
    with contextlib.suppress(Gone, OSError):
        while True:
            idle = threading.Timer(idle_seconds, os._exit, (0,))
            idle.daemon = True
            idle.start()
            size = _read(taken, _length.size)
            idle.cancel()
            _write(given, _answer(_read(taken, _length.unpack(size)[0])))


def _answer(encoded: bytes) -> bytes:
    answer: Answer
    try:
        return msgspec.msgpack.encode(decode(_exports.decode(encoded)))
    except HTTPException as error:
        answer = Refused(error.status_code, error.detail)
    except Exception:  # noqa: BLE001  # told of where it happens again
        answer = None
    return msgspec.msgpack.encode(answer)
