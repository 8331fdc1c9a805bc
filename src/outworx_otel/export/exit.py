"""Deliver what is queued when SIGTERM ends the process, which runs no `atexit` function.

uvicorn stops gracefully, then raises SIGTERM again with the disposition it found at its start. Where
that is the default one, the process is gone at once, and with it whatever the SDK has queued.

The handler interrupts the main thread wherever it is, with whatever locks it holds. So the handler takes no
lock of Python code: it starts bare threads, waits for each with a time-out, and ends the process by the
signal itself. A thread that was started first ends the process should even that not happen.
"""

from __future__ import annotations

import _thread
import atexit
import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, Protocol

from outworx_otel.errors import ConfigurationError
from outworx_otel.export import late_signals, server_ends
from outworx_otel.export.open_queues import finish_within
from outworx_otel.process import environment
from outworx_otel.process.forks import after_fork_in_child, after_silent_fork, notice_silent_fork
from outworx_otel.process.identity import ByIdentity
from outworx_otel.telemetry.foreign import metric_readers

GRACE: Final = 0.5
"""Seconds beyond the time-out, for what ends exactly then."""
_LAST_RESORT: Final = 2.0
_STATUS: Final = 128 + signal.SIGTERM

_logger = logging.getLogger("outworx_otel")


class Provider(Protocol):
    """A TracerProvider or MeterProvider, the SDK's or one that can do the same."""

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = ...) -> bool: ...


# The seconds that SIGTERM gives each provider; None where SIGTERM is to be left alone.
_providers: ByIdentity[float | None] = ByIdentity()
_flushing = False
_armed = False
_came_at_exit = False


def flush_at_exit(provider: Provider, *, timeout: float = 5.0, enabled: bool | None = None) -> bool:
    """Shut a provider down when SIGTERM arrives, then let SIGTERM do what it does.

    Nothing is changed outside the main thread, or where SIGTERM already has a handler or is ignored;
    no other signal is touched. Safe to call again, with the same or another provider.

    Args:
        provider: kept by weak reference; whatever its class, it has `shutdown`.
        timeout: seconds that the shutdown may take; all providers together take the longest of theirs.
        enabled: None leaves it to `OUTWORX_EXIT_FLUSH`, on by default.

    Returns:
        Whether SIGTERM will flush this provider.
    """
    if enabled is None:
        enabled = _enabled()
    _providers.set(provider, timeout if enabled else None)
    server_ends.cover(flush_now, lambda: not sigterm_flushes())
    # After the provider has registered its shutdown, so before it: a thread that a fork lost would be waited for.
    atexit.unregister(notice_silent_fork)
    atexit.register(notice_silent_fork)
    return enabled and _arm()


def prepare_for_sigterm(enabled: bool | None = None) -> None:
    """Sees to SIGTERM before there is a provider: a server's threads, where one may be made, cannot.

    Args:
        enabled: as for `flush_at_exit`.
    """
    if _enabled() if enabled is None else enabled:
        _arm()


def _enabled() -> bool:
    try:
        return environment.flag(*environment.EXIT_FLUSH, default=True)
    except ConfigurationError as error:
        _logger.warning("%s; it counts as true", error)
        return True


def _arm() -> bool:
    global _armed
    # The kernel does not let a default SIGTERM end process 1 of a container: the process would live on
    # with its telemetry shut down. A server there has handlers of its own and ends through `atexit`.
    if os.getpid() == 1 or threading.current_thread() is not threading.main_thread():
        return False
    if not _is_ours():
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return False
        try:
            signal.signal(signal.SIGTERM, _flush_and_end)
        except ValueError:  # a sub-interpreter, as under mod_wsgi
            return False
        late_signals.watch(signal.SIGTERM, _is_unseen, _seconds() + _LAST_RESORT, _STATUS)
    _armed = True
    after_fork_in_child(_disarm)
    return True


def _is_ours() -> bool:
    return signal.getsignal(signal.SIGTERM) is _flush_and_end


def _is_unseen() -> bool:
    """Whether a SIGTERM that has come is this module's business and its handler has not begun."""
    return _is_ours() and not _flushing


def _disarm() -> None:
    global _armed
    _armed = False


def sigterm_flushes() -> bool:
    """Returns whether a SIGTERM needs no help to flush: it is handled here, or there is nothing to flush.

    False where a server had its own handler in place when the providers were made (uvicorn imports the
    application after that in its workers), or where it took ours out after a fork (gunicorn).
    """
    return _armed or all(seconds is None for _, seconds in _providers.items())


def flush_now(timeout: float = 5.0) -> bool:
    """Flushes the providers that were given to `flush_at_exit`. Blocks for at most `timeout` seconds.

    Returns:
        Whether all of them were done in time.
    """
    return _for_each_provider(_flush, time.monotonic() + timeout)


def shut_down_now(timeout: float = 5.0) -> bool:
    """Shuts those providers down: what they still hold is sent, and nothing is recorded any more.

    Blocks for at most `timeout` seconds. Returns whether all of them were done in time.
    """
    finish_within(timeout)
    return _for_each_provider(_shut_down, time.monotonic() + timeout)


def _for_each_provider(action: Callable[[Provider], bool], deadline: float) -> bool:
    # Each in a thread of its own: neither `shutdown` nor `force_flush` of the SDK keeps to a time. Bare threads,
    # because `threading.Thread.start` waits without a bound for its thread, which needs a lock that the main thread
    # may hold. Looked up anew, because gevent and eventlet replace them.
    gates = []
    for provider, _ in _providers.items():
        gate = _thread.allocate_lock()
        gate.acquire()
        done: list[bool] = []
        _thread.start_new_thread(_act, (action, provider, gate, done))
        gates.append((gate, done))
    in_time = [_passed(gate, deadline) and done == [True] for gate, done in gates]
    return all(in_time)


def _act(
    action: Callable[[Provider], bool], provider: Provider, gate: _thread.LockType, done: list[bool]
) -> None:
    try:
        done.append(action(provider))
    finally:
        gate.release()


def _passed(gate: _thread.LockType, deadline: float) -> bool:
    return gate.acquire(True, max(deadline - time.monotonic(), 0.0) + GRACE)


def _seconds() -> float:
    return max([seconds for _, seconds in _providers.items() if seconds is not None], default=0.0)


def _flush_and_end(signum: int, frame: FrameType | None) -> None:
    global _flushing, _came_at_exit
    if not threading.main_thread().is_alive() and not _came_at_exit:
        # The interpreter is ending, and what is queued is being sent: that is bounded, and no thread can be started
        # any more. A second SIGTERM ends it at once.
        _came_at_exit = True
        finish_within(_seconds())
        return
    if _flushing and not _came_at_exit:
        return  # a second SIGTERM must not cut short what the first one began; it is bounded anyway
    _flushing = True
    try:
        if not _came_at_exit:
            seconds = _seconds()
            deadline = time.monotonic() + seconds
            _thread.start_new_thread(_end_anyway, (seconds + _LAST_RESORT,))
            finish_within(seconds)
            _for_each_provider(_shut_down, deadline)
    except RuntimeError:  # no thread can be had: what is queued cannot be sent
        pass
    finally:
        _end_by_signal()


def _end_by_signal() -> None:
    # The exit status stays that of a process ended by SIGTERM (143 in a shell).
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.raise_signal(signal.SIGTERM)


def _end_anyway(seconds: float) -> None:
    time.sleep(seconds)
    os._exit(_STATUS)


def _revive() -> None:
    """Does for the SDK what its own fork hooks would have done: a metric reader's thread is gone, for one."""
    for provider, _ in _providers.items():
        # Private, and other ones in older versions: without them, metrics wait for the end of the process.
        readers = metric_readers(provider)
        for part, name in ((provider, "_handle_fork"), *((reader, "_at_fork_reinit") for reader in readers)):
            begin_anew = getattr(part, name, None)
            if begin_anew is not None:
                begin_anew()


after_silent_fork(_revive)


@atexit.register  # when this module is imported, so before most others register, and therefore after them
def _end_as_signalled() -> None:
    if _came_at_exit:
        for provider, _ in _providers.items():
            _shut_down(provider)
        _end_by_signal()


def _shut_down(provider: Provider) -> bool:
    try:
        provider.shutdown()
    except Exception:
        _logger.exception("shutting down %s failed", type(provider).__name__)
        return False
    return True


def _flush(provider: Provider) -> bool:
    try:
        return not hasattr(provider, "force_flush") or provider.force_flush() is not False
    except Exception:
        _logger.exception("flushing %s failed", type(provider).__name__)
        return False
