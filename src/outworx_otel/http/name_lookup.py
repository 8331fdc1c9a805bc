"""Looks names up within a time: the system's resolver knows no time-out of its caller's."""

from __future__ import annotations

import _thread
import ipaddress
import socket
import threading
from typing import Final

from outworx_otel.process.forks import PerProcess


class LookupTooLate(OSError):
    """The resolver has not answered in time."""


class _Lookup:
    """One call of the resolver, in a thread of its own, for everybody who asks for the same meanwhile."""

    def __init__(self, host: str, port: int) -> None:
        self._place: Final = (host, port)
        self._done = threading.Event()
        self._found: list[str] = []
        self._error: Exception | None = None

    def start(self) -> None:
        try:
            # `threading.Thread` takes a lock of threading's to start, and a signal may have struck whoever holds it.
            _thread.start_new_thread(self.run, ())
        except RuntimeError:  # the interpreter is ending: there is no other thread to wait for
            self.run()

    def run(self) -> None:
        try:
            entries = socket.getaddrinfo(*self._place, type=socket.SOCK_STREAM)
            self._found = list(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except (OSError, UnicodeError) as error:
            self._error = error
        finally:
            _under_way().pop(self._place, None)
            self._done.set()

    def wait(self, seconds: float) -> list[str]:
        if not self._done.wait(seconds):
            raise LookupTooLate(f"the name server has not answered within {seconds:.1f} s")
        if self._error is not None:
            raise self._error
        return self._found


_under_way: Final = PerProcess[dict[tuple[str, int], _Lookup]](dict)


def addresses(host: str, port: int, seconds: float) -> list[str]:
    """Returns the addresses of a host, each once.

    A resolver that hangs holds one thread, however often it is asked.

    Args:
        host: a name or an address.
        port: some systems look up both together.
        seconds: how long it may take.

    Raises:
        LookupTooLate: it took longer.
        OSError, UnicodeError: the host cannot be looked up.
    """
    if _is_address(host):
        return [host]
    under_way = _under_way()
    lookup = under_way.get((host, port))
    if lookup is None:
        # Whoever comes second at the same time waits for the first one's.
        made = _Lookup(host, port)
        lookup = under_way.setdefault((host, port), made)
        if lookup is made:
            made.start()
    return lookup.wait(seconds)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    # One with a zone needs the system to read it.
    return "%" not in host
