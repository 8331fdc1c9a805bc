"""Work that goes on after a delivery's answer: in this process, or in another that has a token."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

from outworx_otel import drops
from outworx_otel.delivery.tokens import decode_token, encode_token
from outworx_otel.delivery.track import TrackContext
from outworx_otel.errors import ConfigurationError
from outworx_otel.process.forks import began
from outworx_otel.process.job_waiting import on_event_loop
from outworx_otel.process.timer import call_in
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.runtime import Runtime
from outworx_otel.setup.runtime import current as current_runtime
from outworx_otel.telemetry import Deferral, Mark, Record, span_identity

_YOUNG_SECONDS: Final = 60.0
_FLUSH_SECONDS: Final = 2.0
_NOTHING_SHARED: Final = (
    "{who} needs a secret that the web process and the worker share: set OUTWORX_TOKEN_SECRET, or give both the API "
    "key, and call outworx_otel.init() or instrument() in both"
)


def issue_token(runtime: Runtime, record: Record, timeout: float) -> str:
    """The token of a delivery.

    Raises:
        ConfigurationError: there is nothing to sign it with.
    """
    if not runtime.token_secrets:
        raise ConfigurationError(_NOTHING_SHARED.format(who="track.token()"))
    return encode_token(deferral_of(record, time.time() + timeout), runtime.token_secrets[0])


def deferral_of(record: Record, deadline: float) -> Deferral:
    """What deferred work must know of its delivery."""
    trace_id, span_id = span_identity(record)
    return Deferral(trace_id, span_id, record.provider, record.route, record.event_id, time.time(), deadline)


def marked_after(runtime: Runtime, record: Record, mark: Mark) -> None:
    """Reports a mark that came when its delivery was already over."""
    if record.processing != "deferred":
        logger.warning(
            "webhook %s %r was marked %s after its delivery was over; the mark is a span of its own",
            record.provider,
            record.path,
            mark.status,
        )
    _report(runtime, _since_its_end(record), mark)


def expect_mark(runtime: Runtime, record: Record, track: TrackContext) -> None:
    """Waits for the mark of work that was deferred within this process; without one it was dropped."""
    _expect(
        track, partial(marked_after, runtime, record), lambda: _report(runtime, _since_its_end(record), None)
    )


def _expect(track: TrackContext, marked: Callable[[Mark], None], dropped: Callable[[], None]) -> None:
    due = time.monotonic() + track.timeout

    def expire() -> None:
        # Too early: there were more to wait for than can be, and nothing is known of this one.
        if track.awaits_mark and time.monotonic() >= due:
            dropped()

    def after(mark: Mark) -> None:
        deadline.cancel()
        marked(mark)

    deadline = call_in(track.timeout, expire)
    track.close(after)
    if not track.awaits_mark:
        deadline.cancel()


def _since_its_end(record: Record) -> Deferral:
    deferral = deferral_of(record, 0.0)
    return deferral if record.end_ns is None else deferral.since(record.end_ns / 1e9)


def _report(runtime: Runtime, deferral: Deferral, mark: Mark | None) -> None:
    try:
        runtime.telemetry.process(deferral, None if mark is None else mark.at_ns).end(mark)
    except Exception as error:  # noqa: BLE001  # ours
        runtime.failed("reporting deferred work", error)


class ResumedWork:
    """A delivery's work that goes on in another process, from `begin` to `end`.

    Args:
        token: what `track.token()` gave.
        secret: what it was signed with, if not `OUTWORX_TOKEN_SECRET` or the API key.
        current: makes the `process` span the current one.

    Raises:
        TokenError: the token was tampered with, has expired, or is none.
        ConfigurationError: there is no secret to check it with.
    """

    __slots__ = ("_deferral", "_flushes", "_process", "_restore", "_runtime", "_watch", "track")

    def __init__(
        self, token: str | bytes, *, secret: str | bytes | None = None, current: bool = True
    ) -> None:
        self._runtime = runtime = current_runtime()
        secrets = runtime.token_secrets if secret is None else (secret,)
        if not secrets:
            raise ConfigurationError(_NOTHING_SHARED.format(who="resume()"))
        self._deferral = deferral = decode_token(token, secrets)
        self._flushes = _ends_soon()
        self._process = runtime.telemetry.process(deferral)
        self.track = TrackContext(lambda timeout: _issued_again(deferral, secrets, timeout))
        self._restore: list[Callable[[], object]] = [set_under_way(self)]
        if current:
            self._restore.append(self._process.enter())
        self._watch = drops.watch(None)

    def covers(self, endpoint: Endpoint) -> bool:
        """Verified by the process that made the token."""
        return True

    def refuse(self) -> None:
        """Does not happen here."""

    def end(self, error: BaseException | None = None, *, again: bool = False) -> None:
        """Reports what became of the work. Never raises.

        Args:
            error: what it raised.
            again: the same work will be tried again with the same token, and this attempt is not reported.
        """
        for restore in reversed(self._restore):
            restore()
        watch, track = self._watch, self.track
        found = watch.findings() if watch is not None and track.mark is None and error is None else ()
        if watch is not None:
            watch.close()
        if not again:
            _leave(
                self._runtime, self._deferral, track, partial(self._process.end, error=error, findings=found)
            )
        if self._flushes and self._runtime.flush is not None:
            self._runtime.flush(_FLUSH_SECONDS)


@contextlib.contextmanager
def resume(token: str | bytes, *, secret: str | bytes | None = None) -> Iterator[TrackContext]:
    """Goes on with a delivery's work in another process, as a `process` span linked to the delivery's.

    `with outworx_otel.resume(token) as track:` makes `track` and the span current. Leaving without a mark is a
    silent drop; an exception is reported and goes on.

    Args:
        token: what `track.token()` gave; "" resumes nothing.
        secret: what it was signed with, if not `OUTWORX_TOKEN_SECRET` or the API key.

    Raises:
        TokenError: the token was tampered with, has expired, or is none.
        ConfigurationError: there is no secret to check it with.
    """
    if not token:
        yield TrackContext()
        return
    work = ResumedWork(token, secret=secret)
    error: BaseException | None = None
    try:
        yield work.track
    except BaseException as raised:
        error = raised
        raise
    finally:
        work.end(error)


def token_to_send(track: TrackContext) -> str | None:
    """The token for work that is sent elsewhere now, if the handler has said `defer()`; else None.

    None also where the handler has asked for a token itself, and so carries it.
    """
    deferred = track.mark is not None and track.mark.status == "deferred"
    if not deferred or (track.handed_on and not track.sent_along):
        return None
    track.sent_along = True
    return track.token(track.timeout) or None


def _leave(
    runtime: Runtime, deferral: Deferral, track: TrackContext, end: Callable[[Mark | None], None]
) -> None:
    later = partial(_report, runtime, deferral.since(time.time()))

    def marked_late(mark: Mark) -> None:
        logger.warning(
            "webhook %s: marked %s after resume() was left; the mark is a span of its own",
            deferral.provider,
            mark.status,
        )
        later(mark)

    try:
        mark = track.close(marked_late)
        end(mark)
        if track.awaits_mark:
            _expect(track, later, partial(later, None))
    except Exception as error:  # noqa: BLE001  # ours
        runtime.failed("reporting deferred work", error)


def _issued_again(deferral: Deferral, secrets: tuple[str | bytes, ...], timeout: float) -> str:
    """A worker may hand the work on in turn."""
    now = time.time()
    return encode_token(deferral.since(now, now + timeout), secrets[0])


def _ends_soon() -> bool:
    # A child that was forked for one job (RQ's work horse) ends without a goodbye, and with what is queued. Often
    # it is the first to import this package, and then nothing tells of the fork. An event loop is not held up,
    # except where it is such a child's own.
    began_at, forked = began()
    if time.monotonic() - began_at > _YOUNG_SECONDS:
        return False
    return forked or not on_event_loop()
