"""Deliver what is queued when SIGTERM ends the process, which runs no `atexit` function.

uvicorn stops gracefully, then raises SIGTERM again with the disposition it found at its start. Where
that is the default one, the process is gone at once, and with it whatever the SDK has queued.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
import weakref
from types import FrameType
from typing import Final, Protocol

from outworx_otel.export.living import hurry

EXIT_FLUSH_VARIABLE: Final = "OUTWORX_HOOKS_EXIT_FLUSH"
_OFF: Final = frozenset({"0", "false", "no", "off"})

_logger = logging.getLogger("outworx_otel")


class Provider(Protocol):
    """A TracerProvider or MeterProvider of the SDK."""

    def shutdown(self) -> None: ...


_providers: dict[weakref.ref[Provider], float] = {}


def flush_at_exit(provider: Provider, *, timeout: float = 5.0, enabled: bool | None = None) -> bool:
    """Shut a provider down when SIGTERM arrives, then let SIGTERM do what it does.

    Nothing is changed outside the main thread, or where SIGTERM already has a handler or is ignored;
    no other signal is touched. Safe to call again, with the same or another provider.

    Args:
        provider: kept by weak reference.
        timeout: seconds that the shutdown may take; all providers together take the longest of theirs.
        enabled: None leaves it to `OUTWORX_HOOKS_EXIT_FLUSH`, on by default.

    Returns:
        Whether SIGTERM will flush this provider.
    """
    if enabled is None:
        enabled = os.environ.get(EXIT_FLUSH_VARIABLE, "").strip().lower() not in _OFF
    # The kernel does not let a default SIGTERM end process 1 of a container: the process would live on
    # with its telemetry shut down. A server there has handlers of its own and ends through `atexit`.
    if not enabled or os.getpid() == 1 or threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not _flush_and_end:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return False
        try:
            signal.signal(signal.SIGTERM, _flush_and_end)
        except ValueError:  # a sub-interpreter, as under mod_wsgi
            return False
    _providers[weakref.ref(provider, _forget)] = timeout
    return True


def _forget(reference: weakref.ref[Provider]) -> None:
    _providers.pop(reference, None)


def _flush_and_end(signum: int, frame: FrameType | None) -> None:
    # Each shutdown runs in a thread of its own: this code may have interrupted the main thread while it
    # holds a lock that the shutdown needs, and then only the time-out lets the process end.
    try:
        longest = max(_providers.values(), default=0.0)
        deadline = time.monotonic() + longest
        hurry(longest)
        threads = [
            threading.Thread(target=_shut_down, args=(provider,), name="OutworxExit", daemon=True)
            for provider in [reference() for reference in list(_providers)]
            if provider is not None
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(deadline - time.monotonic(), 0.0) + 0.5)
    except RuntimeError:  # no thread can be started any more
        _logger.warning("SIGTERM came too late to send what is queued")
    finally:
        # The exit status stays that of a process ended by SIGTERM (143 in a shell).
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTERM)


def _shut_down(provider: Provider) -> None:
    try:
        provider.shutdown()
    except Exception:
        _logger.exception("shutting down %s failed", type(provider).__name__)
