"""The life of one delivery: verify, claim, [handler], settle, report."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from outworx_otel import drops
from outworx_otel.delivery._claim import KeyClaim
from outworx_otel.delivery._deferred import expect_mark, issue_token, marked_after
from outworx_otel.delivery._event import read_event
from outworx_otel.delivery._messages import InboundRequest, OutboundResponse, Proceed, Respond, respond
from outworx_otel.delivery._verification import verdict
from outworx_otel.delivery.flow import Flow, run_sync
from outworx_otel.delivery.track import TrackContext
from outworx_otel.http.body import Body
from outworx_otel.process.timer import Deadline, call_in
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.runtime import Runtime
from outworx_otel.signatures import SignatureResult
from outworx_otel.telemetry import Record

_BACKGROUND_SECONDS: Final = 30.0


class Delivery:
    """One delivery under way.

    `admit` decides whether the handler runs; `settle` says what became of it and may be called early (as soon
    as all is known); `finish` reports it. `settle` and `finish` take effect once, and none of them raises.

    Args:
        endpoint: what is wanted.
        request: what came.
        runtime: telemetry, store, and who hears of errors.
        start_ns: when it came, in Unix nanoseconds.
    """

    __slots__ = (
        "_body",
        "_claim",
        "_finished",
        "_settled",
        "_watch",
        "endpoint",
        "record",
        "request",
        "runtime",
        "track",
    )

    def __init__(self, endpoint: Endpoint, request: InboundRequest, runtime: Runtime, start_ns: int) -> None:
        self.endpoint = endpoint
        self.request = request
        self.runtime = runtime
        self.record = Record(
            options=endpoint.options,
            redactor=endpoint.redactor,
            method=request.method,
            path=request.path,
            route=request.route,
            headers=request.headers,
            start_ns=start_ns,
            detected=endpoint.detected,
            body_size=request.body_size,
        )
        self.track = TrackContext(partial(issue_token, runtime, self.record))
        self._body: Body | None = None
        if request.body is not None:
            self._read(request.body)
        self._claim: KeyClaim | None = None
        self._settled = False
        self._watch: drops.Watch | None = None
        self._finished = False

    @property
    def is_over(self) -> bool:
        """Whether it has been settled and reported."""
        return self._finished

    def admit(self) -> Flow[Proceed | Respond]:
        """Verifies, then claims."""
        record, endpoint = self.record, self.endpoint
        answer: Respond | None = None
        if endpoint.verifies:
            result = yield from verdict(endpoint, self.request, self.runtime, record)
            record.signature = result
            if endpoint.refuses(result):
                answer = self._rejection(result)
        try:
            read_event(self.endpoint, self.record, self._body)
            if endpoint.options.idempotency_key and (record.signature is None or record.signature.valid):
                self._claim = KeyClaim(endpoint, self.request, self._body, record, self.runtime)
                answer = yield from self._claim.take()
            if answer is None or record.rejected_for is None or endpoint.may_report_rejection():
                self.runtime.telemetry.start(record)
                if record.rejected_for is not None:
                    self._log_rejection()
        except Exception as error:  # noqa: BLE001  # ours: the request goes on without telemetry
            self.runtime.failed("admitting a delivery", error)
        if answer is not None:
            return answer
        options = endpoint.options
        if options.require_processing_mark and options.diagnose_silent_drops:
            # In the context that the handler is called in: a flow runs in that of whoever drives it.
            self._watch = drops.watch(self.request.handler)
        return Proceed(self.track)

    def covers(self, endpoint: Endpoint) -> bool:
        """Whether the handler that is marked with `endpoint` may run inside this delivery."""
        return endpoint is self.endpoint or endpoint.options == self.endpoint.options

    def _rejection(self, result: SignatureResult) -> Respond:
        status, message = 401, "Invalid webhook signature"
        if result.reason == "body_unavailable":
            status, message = 400, "Webhook body could not be read"
            if self.request.body_problem == "too_large":
                status, message = 413, "Webhook body too large"
        self.record.outcome = "rejected"
        self.record.rejected_for = result.reason
        self.record.status = status
        return respond(self.request, status, message)

    def _log_rejection(self) -> None:
        record = self.record
        logger.warning(
            "webhook rejected: provider=%s path=%r reason=%s hint=%s trace_id=%s",
            record.options.provider,
            record.path,
            record.rejected_for,
            None if record.signature is None else record.signature.hint,
            record.trace_id,
        )

    def _read(self, raw: bytes) -> None:
        self._body = Body(raw, self.request.headers.get("content-type", ""))
        self.record.body_size = len(raw)
        if self.endpoint.options.capture_body:
            self.record.request_body = raw

    def body_was_read(self, raw: bytes) -> None:
        """The handler has read the body of a delivery that nothing had to be read of before."""
        if self._body is not None or self._finished:
            return
        if len(raw) <= self.endpoint.options.max_body_size:
            try:
                self._read(raw)
                read_event(self.endpoint, self.record, self._body)
                self.record.event_read_late = True
            except Exception as error:  # noqa: BLE001  # ours
                self.runtime.failed("reading an event", error)

    def knows_all(self, status: int) -> bool:
        """Whether the last byte of an answer is the time to settle, or the handler must end first."""
        return not self._must_mark(status) or self.track.mark is not None

    def _must_mark(self, status: int) -> bool:
        return self.endpoint.options.require_processing_mark and 200 <= status < 400

    def settle(
        self, outcome: OutboundResponse | BaseException, *, status_of_error: int | None = None
    ) -> Flow[None]:
        """Resolves the status, and commits or releases the claim.

        Args:
            outcome: the handler's answer, or what it raised.
            status_of_error: the status that the framework turns that exception into (Http404, `abort(403)`);
                None where it is an error.
        """
        if self._settled:
            return
        self._settled = True
        record = self.record
        record.mark = mark = self.track.close(partial(marked_after, self.runtime, self.record))
        answer: OutboundResponse | None = None
        if isinstance(outcome, OutboundResponse):
            answer = outcome
            record.status = answer.status
            if self.endpoint.options.capture_body:
                record.response_body = answer.body
        elif status_of_error is not None:
            record.status = status_of_error
        else:
            record.error = outcome
        if mark is not None:
            record.processing = mark.status
        elif record.error is None and record.status is not None and self._must_mark(record.status):
            record.processing = "silent_drop"
            if self._watch is not None:
                record.findings = self._watch.findings()
        record.outcome = _outcome(record)
        if self._claim is not None:
            did_its_work = record.processing not in ("failed", "silent_drop")
            commits = answer is not None and 200 <= answer.status < 300 and did_its_work
            yield from self._claim.end(answer, commits)

    def end_without_waiting(
        self,
        outcome: OutboundResponse | BaseException,
        *,
        status_of_error: int | None = None,
        end_ns: int | None = None,
    ) -> None:
        """Settles and reports where nothing can be waited for: a cancelled task, a generator being closed.

        A claim is ended by another thread, for its store may take its time.
        """

        def end() -> None:
            run_sync(self.settle(outcome, status_of_error=status_of_error))
            self.finish(end_ns)

        if self._finished:
            return
        if self._claim is not None and self._claim.is_held:
            end_ns = end_ns or time.time_ns()
            call_in(0, end)
        else:
            end()

    def await_mark(self, answer: OutboundResponse, end_ns: int) -> Deadline:
        """The last byte is out and the mark is not made: waits for background work, but not for ever."""

        def stop() -> None:
            run_sync(self._defer(answer))
            self.finish(end_ns)

        return call_in(_BACKGROUND_SECONDS, stop)

    def _defer(self, answer: OutboundResponse) -> Flow[None]:
        if self._settled:
            return
        self._settled = True
        record = self.record
        record.status = answer.status
        record.mark = self.track.close(partial(marked_after, self.runtime, self.record))
        record.processing = "deferred" if record.mark is None else record.mark.status
        record.outcome = _outcome(record)
        if self._claim is not None:
            yield from self._claim.end(answer, 200 <= answer.status < 300 and record.processing != "failed")

    def finish(self, end_ns: int | None = None) -> None:
        """Reports the delivery, as ended at `end_ns` (now, if None)."""
        if self._finished:
            return
        self._finished = True
        self._let_go()
        self.record.end_ns = end_ns or time.time_ns()
        try:
            self.runtime.telemetry.finish(self.record)
            if (
                self.record.mark is not None
                and self.record.mark.status == "deferred"
                and not self.track.handed_on
            ):
                expect_mark(self.runtime, self.record, self.track)
            if self.runtime.debug:
                self._log()
        except Exception as error:  # noqa: BLE001  # ours: the answer stands
            self.runtime.failed("reporting a delivery", error)

    def drop(self) -> Flow[None]:
        """Forgets the delivery and frees its key: it turned out to be none (the framework's own 405)."""
        self._finished = self._settled = True
        self._let_go()
        if self._claim is not None:
            yield from self._claim.end(None, commits=False)

    def _let_go(self) -> None:
        self.request.let_go()
        if self._watch is not None:
            self._watch.close()

    def _log(self) -> None:
        record, signature = self.record, self.record.signature
        logger.info(
            "webhook provider=%s path=%r event=%r status=%s outcome=%s signature=%s processing=%s %.1fms",
            record.options.provider,
            record.path,
            record.event_type or "-",
            record.status,
            record.outcome,
            "unchecked" if signature is None else "valid" if signature.valid else signature.reason,
            record.processing or "-",
            ((record.end_ns or record.start_ns) - record.start_ns) / 1e6,
        )


def _outcome(record: Record) -> str:
    if record.error is not None:
        return "error"
    if record.rejected_for is not None:
        return "rejected"
    if record.processing in ("failed", "silent_drop", "deferred"):
        return record.processing
    status = record.status
    if status is None or status >= 500:
        return "error"
    return "refused" if status >= 400 else "accepted"
