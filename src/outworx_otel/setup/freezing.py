"""Hosts that freeze a process as soon as it has answered: what is still queued then may never be sent."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment
from outworx_otel.setup.endpoints import logger

FLUSH_EACH_VARIABLE: Final = "OUTWORX_HOOKS_FLUSH_EACH"
FLUSH_SECONDS: Final = 2.0
"""How long a delivery may wait for its telemetry: Lambda's own default time-out is 3 s."""

_LAMBDA: Final = ("AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_FUNCTION_NAME")
_AZURE: Final = "FUNCTIONS_WORKER_RUNTIME"


def host_freezes() -> bool:
    """Returns whether each delivery is to send its telemetry itself: said by a variable, else known of the host."""
    known = bool(environment.name_set(*_LAMBDA, _AZURE))
    try:
        return environment.flag(FLUSH_EACH_VARIABLE, default=known)
    except ConfigurationError as error:
        logger.warning("%s; it counts as %s", error, str(known).lower())
        return known


def flush_before_freezing(flush: Callable[[float], Any]) -> None:
    """Sends what is queued, for at most about two seconds.

    An event loop that serves several requests is not held up: there it is begun and not waited for. On Lambda a
    process serves one request at a time.
    """
    if not any(os.environ.get(name) for name in _LAMBDA) and _is_on_a_loop():
        threading.Thread(target=flush, args=(FLUSH_SECONDS,), name="outworx-flush", daemon=True).start()
    else:
        flush(FLUSH_SECONDS)


def _is_on_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
