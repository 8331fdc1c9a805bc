"""Work that a queue carries from a delivery's handler to a worker: what Celery and RQ have in common."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import Any, ClassVar, Final

from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.delivery import ResumedWork, token_to_send
from outworx_otel.delivery.track import current_track
from outworx_otel.errors import OutworxError
from outworx_otel.setup.bootstrap import prepare
from outworx_otel.setup.runtime import current

CARRIED_AS: Final = "outworx_token"
_logger = logging.getLogger("outworx_otel")


class BackgroundInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """What `instrument()` switches on for a queue: it guards no endpoint."""

    versions: ClassVar[str]
    """As pip writes them: `"celery >= 5.3"`."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return (self.versions,)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(where=f"{type(self).__name__}().instrument()", **kwargs)
        self.connect()

    def connect(self) -> None:
        """Puts everything in place."""
        raise NotImplementedError


def token_for_job() -> str | None:
    """The token to send along, where a delivery's handler has said `defer()`; None where not. Never raises."""
    try:
        return token_to_send(current_track())
    except OutworxError as error:
        _logger.warning("outworx: what becomes of the deferred work will not be known: %s", error)
    except Exception as error:  # noqa: BLE001  # ours
        current().failed("sending deferred work", error)
    return None


def resumed(token: object, *, make_current: bool = True) -> ResumedWork | None:
    """Goes on with the work of a token that came with a job; None where there is none of use. Never raises."""
    if not isinstance(token, str) or not token:
        return None
    try:
        return ResumedWork(token, current=make_current)
    except OutworxError as error:
        _logger.warning("outworx: a job's `process` span is left out: %s", error)
    except Exception as error:  # noqa: BLE001  # ours
        current().failed("resuming deferred work", error)
    return None
