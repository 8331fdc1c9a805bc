"""The handle a handler holds: what it says of its own work."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from outworx_otel.errors import TransactionError
from outworx_otel.setup.admission import under_way
from outworx_otel.telemetry import Mark, ProcessingStatus

DEFAULT_TIMEOUT: Final = 3600.0


class TrackContext:
    """Says whether a delivery's work was done; the first call wins, from any thread or task.

    It is `request.state.outworx_track` (Starlette, FastAPI), `flask.g.outworx_track`,
    `request.outworx_track` (Django), and `outworx_otel.current_track()` anywhere in the handler's context.
    """

    __slots__ = ("_after", "_issue", "_lock", "_mark", "handed_on", "protect", "sent_along", "timeout")

    def __init__(self, issue: Callable[[float], str] | None = None) -> None:
        """Belongs to nothing unless `issue` is given, which makes a token that is good for some seconds."""
        self._mark: Mark | None = None
        self._lock = threading.Lock()
        self._after: Callable[[Mark], None] | None = None
        self._issue = issue
        self.timeout = DEFAULT_TIMEOUT
        self.handed_on = False
        # Gives the block of `once`, where keys are kept in the application's own transactions.
        self.protect: Callable[[Any], Any] | None = None
        # By an integration, with a job; otherwise the application carries the token itself.
        self.sent_along = False

    @property
    def mark(self) -> Mark | None:
        """What was said, or None as long as nothing was."""
        return self._mark

    @property
    def awaits_mark(self) -> bool:
        """Whether the work goes on in this process, and nothing was said of it yet."""
        return self._mark is not None and self._mark.status == "deferred" and not self.handed_on

    def processed(self, metadata: Mapping[str, Any] | None = None) -> None:
        """The event was handled. `metadata` becomes attributes of the delivery's span."""
        self._set("completed", None, metadata)

    def failed(self, reason: str, metadata: Mapping[str, Any] | None = None) -> None:
        """The event was not handled, whatever the answer says: the span is an error, and a retry runs again."""
        self._set("failed", reason, metadata)

    def ignored(self, reason: str | None = None) -> None:
        """This handler has no business with the event: neither a success to count nor a silent drop."""
        self._set("ignored", reason, None)

    def defer(self, timeout: float = DEFAULT_TIMEOUT) -> None:
        """The work goes on after the answer, in a thread or task of this process.

        The delivery is `deferred`; the mark that follows becomes a `process` span linked to it.

        Args:
            timeout: seconds until which the mark must be made; after that the `process` span is a silent drop.

        Raises:
            ValueError: the timeout is not positive, or infinite.
        """
        _check_timeout(timeout)
        self.timeout = timeout
        self._set("deferred", None, None)

    def token(self, timeout: float = DEFAULT_TIMEOUT) -> str:
        """Defers the work to another process, which goes on with `outworx_otel.resume(token)`.

        Args:
            timeout: seconds for which the token is good.

        Returns:
            At most 4096 ASCII characters; "" outside of a delivery, which `resume` takes too.

        Raises:
            ConfigurationError: there is neither an API key nor `OUTWORX_TOKEN_SECRET` to sign it with.
            ValueError: the timeout is not positive, or infinite.
        """
        _check_timeout(timeout)
        token = "" if self._issue is None else self._issue(timeout)
        self.handed_on = True
        self.defer(timeout)
        return token

    def once(self, session: Any) -> Any:
        """A block whose effects in the database happen once: `with track.once(session):`, or `async with`.

        The event's key is written in the session's transaction, and leaving the block commits both; inside a
        transaction that the caller has begun, it is the caller's commit that counts. An event that was done already
        ends the handler here, and is answered with what was answered then.

        Args:
            session: a Session or Connection of SQLAlchemy or a Connection of psycopg, sync or async.

        Raises:
            TransactionError: here, or as the block begins: outside a delivery, twice in one, or with something that
                has no transaction.
        """
        if self.protect is None:
            raise TransactionError(
                'track.once() was called outside of a delivery, or idempotency_store is not "transaction://": '
                "nothing would keep the event from being handled twice"
            )
        return self.protect(session)

    def _set(self, status: ProcessingStatus, reason: str | None, metadata: Mapping[str, Any] | None) -> None:
        mark = Mark(status, None if reason is None else str(reason), metadata, time.time_ns())
        with self._lock:
            # What was deferred is still to be marked.
            if self._mark is not None and (self._mark.status != "deferred" or status == "deferred"):
                return
            self._mark = mark
            after = self._after
        if after is not None:
            after(mark)

    def close(self, after: Callable[[Mark], None]) -> Mark | None:
        """Ends the time for marks: a later one goes to `after`. Returns the mark made so far."""
        with self._lock:
            self._after = after
            return self._mark


def _check_timeout(seconds: float) -> None:
    """Raises `ValueError` for what is no time to wait: zero, less, infinity, NaN."""
    if not 0 < seconds < math.inf:
        raise ValueError(f"timeout must be a positive number of seconds, not {seconds!r}")


def current_track() -> TrackContext:
    """The handle of the delivery being handled in this context.

    Outside of a delivery (a unit test that calls the handler, an application that runs uninstrumented) it is
    one that belongs to nothing, so that code which marks its work runs everywhere.
    """
    work = under_way()
    return TrackContext() if work is None else work.track
