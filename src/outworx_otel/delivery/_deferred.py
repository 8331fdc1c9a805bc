"""Work that goes on after a delivery's answer: in this process, or in another that has a token."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from typing import Final

from outworx_otel import drops
from outworx_otel.deadlines import call_in
from outworx_otel.deferral import Deferral, decode_token, encode_token
from outworx_otel.endpoints import Runtime, current, logger
from outworx_otel.errors import ConfigurationError
from outworx_otel.telemetry import Record, span_identity
from outworx_otel.track import Mark, TrackContext, set_current

_YOUNG_SECONDS: Final = 60.0
_FLUSH_SECONDS: Final = 2.0
_forked_at: float | None = None


def issue_token(runtime: Runtime, record: Record, timeout: float) -> str:
    """The token of a delivery.

    Raises:
        ConfigurationError: there is nothing to sign it with.
        ValueError: the timeout is not positive.
    """
    if timeout <= 0:
        raise ValueError(f"timeout must be a positive number of seconds, not {timeout!r}")
    if not runtime.token_secrets:
        raise ConfigurationError(
            "track.token() needs a secret that this process and the worker share: set OUTWORX_TOKEN_SECRET, or "
            "give both the API key"
        )
    return encode_token(deferral_of(record, time.time() + timeout), runtime.token_secrets[0])


def deferral_of(record: Record, deadline: float) -> Deferral:
    """What deferred work must know of its delivery."""
    trace_id, span_id = span_identity(record)
    options = record.options
    return Deferral(trace_id, span_id, options.provider, record.route, record.event_id, time.time(), deadline)


def marked_after(runtime: Runtime, record: Record, mark: Mark) -> None:
    """Reports a mark that came when its delivery was already over."""
    if record.processing != "deferred":
        logger.warning(
            "webhook %s %s was marked %s after its delivery was over; the mark is a span of its own",
            record.options.provider,
            record.path,
            mark.status,
        )
    _report(runtime, record, mark)


def expect_mark(runtime: Runtime, record: Record, track: TrackContext) -> None:
    """Waits for the mark of work that was deferred within this process; without one it was dropped."""

    def expire() -> None:
        if track.mark is not None and track.mark.status == "deferred":
            _report(runtime, record, None)

    call_in(track.timeout, expire)


def _report(runtime: Runtime, record: Record, mark: Mark | None) -> None:
    try:
        deferral = deferral_of(record, 0.0)
        if record.end_ns is not None:
            deferral = deferral.since(record.end_ns / 1e9)
        runtime.telemetry.process(deferral, None if mark is None else mark.at_ns).end(mark)
    except Exception as error:  # noqa: BLE001  # ours
        runtime.failed("reporting deferred work", error)


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
    runtime = current()
    secrets = runtime.token_secrets if secret is None else (secret,)
    deferral = decode_token(token, secrets)
    process = runtime.telemetry.process(deferral)
    track = TrackContext(lambda timeout: _issued_again(deferral, secrets, timeout))
    forget = set_current(track)
    leave = process.enter()
    watch = drops.watch(None)
    error: BaseException | None = None
    try:
        yield track
    except BaseException as raised:
        error = raised
        raise
    finally:
        leave()
        forget()
        mark = track.close(lambda late: runtime.telemetry.process(deferral, late.at_ns).end(late))
        found = watch.findings() if watch is not None and mark is None and error is None else ()
        if watch is not None:
            watch.close()
        process.end(mark, error, found)
        _flush_if_young(runtime)


def _issued_again(deferral: Deferral, secrets: tuple[str | bytes, ...], timeout: float) -> str:
    """A worker may hand the work on in turn."""
    now = time.time()
    return encode_token(deferral.since(now, now + timeout), secrets[0])


def _flush_if_young(runtime: Runtime) -> None:
    # A child that was forked for one job (RQ's work horse) ends without a goodbye, and with what is queued.
    if (
        _forked_at is not None
        and time.monotonic() - _forked_at < _YOUNG_SECONDS
        and runtime.flush is not None
    ):
        runtime.flush(_FLUSH_SECONDS)


def _note_fork() -> None:
    global _forked_at
    _forked_at = time.monotonic()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_note_fork)
