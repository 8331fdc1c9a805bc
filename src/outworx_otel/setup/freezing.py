"""Hosts that freeze a process as soon as it has answered: what is still queued then may never be sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment
from outworx_otel.setup.endpoints import logger

FLUSH_EACH_VARIABLE: Final = "OUTWORX_FLUSH_EACH"
FLUSH_SECONDS: Final = 2.0
"""How long a delivery may wait for its telemetry: Lambda's own default time-out is 3 s."""

_HOSTS: Final = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME", "FUNCTIONS_WORKER_RUNTIME")
_PAUSE: Final = 10.0
_troubled_until = 0.0


def known_host() -> str | None:
    """Returns the variable by which a host that freezes is known; None elsewhere."""
    return environment.name_set(*_HOSTS)


def host_freezes() -> bool:
    """Returns whether each delivery is to send its telemetry itself: said by a variable, else known of the host."""
    known = known_host() is not None
    try:
        return environment.flag(FLUSH_EACH_VARIABLE, default=known)
    except ConfigurationError as error:
        logger.warning("%s; it counts as %s", error, str(known).lower())
        return known


def flush_before_freezing(flush: Callable[[float], bool]) -> None:
    """Sends what is queued, for at most about two seconds. While the receiver does not answer, it is not waited for.

    On an event loop too: the host freezes the loop with its process, and serves hardly more than one request with it.
    """
    global _troubled_until
    if time.monotonic() >= _troubled_until and not flush(FLUSH_SECONDS):
        _troubled_until = time.monotonic() + _PAUSE
