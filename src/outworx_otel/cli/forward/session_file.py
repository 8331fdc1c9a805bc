"""Remembers a session in a file while it runs, so that a client that was killed gets the same URL again."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from pathlib import Path
from typing import IO

import msgspec

from outworx_otel.process import environment

if sys.platform != "win32":
    import fcntl


class RememberedSession(msgspec.Struct, frozen=True):
    """The secret that resumes the session, and the client that had it."""

    resume: str
    client: str


class SessionFile:
    """A file that belongs to one running client, readable by its owner alone.

    The lock on it ends with the process, however that ends: whoever gets the lock and finds something in the file
    knows that the client before was cut off. Where there are no such locks, or no place for the file, nothing is
    remembered.

    Args:
        path: the file; None remembers nothing.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self) -> RememberedSession | None:
        """Locks the file and returns what a killed client left in it, None if nothing."""
        if self._path is None or sys.platform == "win32":
            return None
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:
            return None
        file = os.fdopen(descriptor, "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            # Another client is running with the same targets: this one gets a URL of its own.
            file.close()
            return None
        self._file = file
        try:
            return msgspec.json.decode(file.read(4096), type=RememberedSession)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None

    def keep(self, resume: str | None, client: str) -> None:
        """Writes a session to the file."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):
            self._file.seek(0)
            self._file.truncate()
            if resume is not None:
                self._file.write(msgspec.json.encode(RememberedSession(resume, client)))
            self._file.flush()

    def forget(self) -> None:
        """Deletes the file, because the session was ended."""
        if self._file is not None and self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()
            self._file.close()
            self._file = None


def session_file_for(endpoint: str, api_key: str | None, words: list[str]) -> SessionFile:
    """Returns the file for clients with the same server, key and targets."""
    try:
        state = Path(environment.text("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    except RuntimeError:  # no home
        return SessionFile(None)
    told_apart = "\0".join([endpoint, api_key or "", *words])
    name = hashlib.sha256(told_apart.encode("utf-8", "surrogatepass")).hexdigest()[:24]
    return SessionFile(state / "outworx" / "tunnels" / f"{name}.json")
