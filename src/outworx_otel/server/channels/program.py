"""Runs a program once: no shell, its input given, its time bounded, whatever it started ended with it."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

_LOOKS_EVERY: Final = 0.1
# Once the server is to end.
_GRACE_SECONDS: Final = 1.0


class Ran(NamedTuple):
    """How it ended: its exit status, None where it was ended because it took too long; and what it printed."""

    status: int | None
    output: bytes


def run_program(
    arguments: Sequence[str],
    given: bytes,
    *,
    seconds: float,
    stopping: threading.Event,
    environ: Mapping[str, str],
    reads: bool = False,
) -> Ran:
    """Runs it until it ends, `seconds` have passed or the server is to end.

    Args:
        arguments: the program and its arguments.
        given: on its standard input.
        seconds: after them it is killed.
        stopping: says that the server is to end.
        environ: its environment.
        reads: whether to read what it prints, errors too; else that goes where the server's own errors go.

    Raises:
        OSError: it cannot be started.
    """
    process = subprocess.Popen(  # noqa: S603  # what the configuration names
        list(arguments),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE if reads else subprocess.DEVNULL,
        stderr=subprocess.STDOUT if reads else None,
        env=environ,
        start_new_session=True,
    )
    ends = time.monotonic() + seconds
    # It is handed over once, and what was not taken yet is remembered.
    given_now: bytes | None = given
    while True:
        if stopping.is_set():
            ends = min(ends, time.monotonic() + _GRACE_SECONDS)
        try:
            output, _ = process.communicate(given_now, timeout=_LOOKS_EVERY)
            return Ran(process.returncode, output or b"")
        except subprocess.TimeoutExpired:
            given_now = None
            if time.monotonic() >= ends:
                _kill(process)
                return Ran(None, b"")


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        if os.name == "posix":
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()
