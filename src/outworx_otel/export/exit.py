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
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

from outworx_otel.errors import ConfigurationError
from outworx_otel.export.open_queues import finish_within
from outworx_otel.process import environment
from outworx_otel.process.forks import after_fork_in_child
from outworx_otel.process.identity import ByIdentity

EXIT_FLUSH_VARIABLE: Final = "OUTWORX_HOOKS_EXIT_FLUSH"

_logger = logging.getLogger("outworx_otel")


class Provider(Protocol):
    """A TracerProvider or MeterProvider, the SDK's or one that can do the same."""

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = ...) -> bool: ...


_providers: ByIdentity[float] = ByIdentity()
_flushing = False
_armed = False


def flush_at_exit(provider: Provider, *, timeout: float = 5.0, enabled: bool | None = None) -> bool:
    """Shut a provider down when SIGTERM arrives, then let SIGTERM do what it does.

    Nothing is changed outside the main thread, or where SIGTERM already has a handler or is ignored;
    no other signal is touched. Safe to call again, with the same or another provider.

    Args:
        provider: kept by weak reference; whatever its class, it has `shutdown`.
        timeout: seconds that the shutdown may take; all providers together take the longest of theirs.
        enabled: None leaves it to `OUTWORX_HOOKS_EXIT_FLUSH`, on by default.

    Returns:
        Whether SIGTERM will flush this provider.
    """
    if enabled is None:
        enabled = _enabled()
    if not enabled:
        return False
    _providers.set(provider, timeout)
    return _arm()


def _enabled() -> bool:
    try:
        return environment.flag(EXIT_FLUSH_VARIABLE, default=True)
    except ConfigurationError as error:
        _logger.warning("%s; it counts as true", error)
        return True


def _arm() -> bool:
    global _armed
    # The kernel does not let a default SIGTERM end process 1 of a container: the process would live on
    # with its telemetry shut down. A server there has handlers of its own and ends through `atexit`.
    if os.getpid() == 1 or threading.current_thread() is not threading.main_thread():
        return False
    if signal.getsignal(signal.SIGTERM) is not _flush_and_end:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return False
        try:
            signal.signal(signal.SIGTERM, _flush_and_end)
        except ValueError:  # a sub-interpreter, as under mod_wsgi
            return False
    _armed = True
    after_fork_in_child(_disarm)
    return True


def _disarm() -> None:
    global _armed
    _armed = False


def sigterm_flushes() -> bool:
    """Returns whether a SIGTERM needs no help to flush: it is handled here, or there is nothing to flush.

    False where a server had its own handler in place when the providers were made (uvicorn imports the
    application after that in its workers), or where it took ours out after a fork (gunicorn).
    """
    return _armed or not _providers.items()


def flush_now(timeout: float = 5.0) -> None:
    """Flush the providers that were given to `flush_at_exit`. Blocks for at most `timeout` seconds."""
    _for_each_provider(_flush, time.monotonic() + timeout)


def _for_each_provider(action: Callable[[Provider], None], deadline: float) -> None:
    # Each in a thread of its own: neither `shutdown` nor `force_flush` of the SDK keeps to a time.
    threads = [
        threading.Thread(target=action, args=(provider,), name="OutworxExit", daemon=True)
        for provider, _ in _providers.items()
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(deadline - time.monotonic(), 0.0) + 0.5)


def _flush_and_end(signum: int, frame: FrameType | None) -> None:
    global _flushing
    if _flushing:
        return  # a second SIGTERM must not cut short what the first one began; it is bounded anyway
    _flushing = True
    # This code may have interrupted the main thread while it holds a lock that the shutdown needs: then only
    # the time-out lets the process end.
    try:
        longest = max((timeout for _, timeout in _providers.items()), default=0.0)
        deadline = time.monotonic() + longest
        finish_within(longest)
        _for_each_provider(_shut_down, deadline)
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


def _flush(provider: Provider) -> None:
    try:
        if hasattr(provider, "force_flush"):
            provider.force_flush()
    except Exception:
        _logger.exception("flushing %s failed", type(provider).__name__)
