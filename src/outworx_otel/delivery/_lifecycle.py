"""The life of one delivery: verify, claim, [handler], settle, report."""

from __future__ import annotations

import time
from functools import partial
from typing import Final

from outworx_otel import drops
from outworx_otel.delivery._claim import KeyClaim
from outworx_otel.delivery._deferred import expect_mark, issue_token, marked_after
from outworx_otel.delivery._event import read_event
from outworx_otel.delivery._event_key import EventKey
from outworx_otel.delivery._handshake import met, unanswered
from outworx_otel.delivery._lingering import forget, linger
from outworx_otel.delivery._messages import (
    BodyProblem,
    InboundRequest,
    OutboundResponse,
    Proceed,
    Respond,
    respond,
)
from outworx_otel.delivery._once import OnceClaim
from outworx_otel.delivery._states import TRANSITIONS, Event, State
from outworx_otel.delivery._verification import covered, verdict
from outworx_otel.delivery.flow import Flow, run_sync
from outworx_otel.delivery.track import TrackContext
from outworx_otel.errors import DeliveryEnded
from outworx_otel.http.body import Body
from outworx_otel.idempotency import TransactionStore
from outworx_otel.process.forks import notice_work
from outworx_otel.process.timer import Deadline, call_in
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.freezing import flush_before_freezing
from outworx_otel.setup.runtime import Runtime
from outworx_otel.signatures import SignatureResult
from outworx_otel.signatures.handshake import Handshake
from outworx_otel.telemetry import Outcome, Record, outcome_of

BACKGROUND_SECONDS: Final = 30.0
_LOGGED_OUTCOMES: Final = frozenset({"error", "failed", "silent_drop"})


class Delivery:
    """One delivery under way.

    `verify` checks the signature, `admit` decides whether the handler runs, `settle` says what became of it and may
    be called as soon as all is known, `finish` reports it. Which call has an effect when is the table in `_states`;
    none of them raises.

    Args:
        endpoint: what is wanted.
        request: what came.
        runtime: telemetry, store, and who hears of errors.
        start_ns: when it came, in Unix nanoseconds.
        silent: report nothing of it (instrumentation is suppressed); verify and claim all the same.
    """

    __slots__ = (
        "_body",
        "_claim",
        "_greeted",
        "_lingers",
        "_watch",
        "endpoint",
        "record",
        "refused",
        "request",
        "runtime",
        "silent",
        "state",
        "track",
        "visit",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        request: InboundRequest,
        runtime: Runtime,
        start_ns: int,
        *,
        silent: bool = False,
    ) -> None:
        notice_work()
        self.endpoint = endpoint
        self.request = request
        self.runtime = runtime
        self.silent = silent
        runtime.delivery_begins()
        self.record = Record(
            provider=endpoint.options.provider,
            redactor=endpoint.redactor,
            method=request.method,
            path=request.path,
            route=request.route,
            headers=request.headers,
            start_ns=start_ns,
            metadata=endpoint.options.metadata,
            capture_headers=endpoint.options.capture_headers,
            trace_context=endpoint.options.trace_context,
            detected=endpoint.detected,
            body_size=request.body_size,
        )
        self.track = TrackContext(partial(issue_token, runtime, self.record))
        self._body: Body | None = None
        if request.body is not None:
            self._read(request.body)
        self._claim: KeyClaim | OnceClaim | None = None
        self._watch: drops.Watch | None = None
        self._lingers = False
        # Whether it was found to be no handshake, or one that was answered, after its signature was checked.
        self._greeted = False
        self.state: State = "arrived"
        # Whether a marked handler inside has refused to run.
        self.refused = False
        # The request's way through our layers; theirs to use.
        self.visit: object = None

    def _step(self, event: Event) -> bool:
        """Whether the event has an effect now; then the delivery is in its next state."""
        after = TRANSITIONS[self.state].get(event)
        if after is None:
            return False
        self.state = after
        return True

    @property
    def is_over(self) -> bool:
        """Whether it has been reported, or turned out to be no delivery."""
        return self.state in ("reported", "dropped")

    @property
    def is_settled(self) -> bool:
        """Whether it is known what became of it."""
        return self.state == "settled" or self.is_over

    # -- before the handler ----------------------------------------------------------------------------------

    def take_body(
        self, body: bytes | None, problem: BodyProblem | None = None, hint: str | None = None
    ) -> None:
        """The body was read, or could not be."""
        self.request.body, self.request.body_problem, self.request.problem_hint = body, problem, hint
        self._body = None
        if body is not None:
            self._read(body)

    def routed(self, route: str | None, handler: object) -> None:
        """The framework has found the route."""
        self.request.route = self.record.route = route
        self.request.handler = handler

    def verify(self) -> Flow[SignatureResult | None]:
        """Checks the signature, where the endpoint says how; a second call checks anew."""
        if self.endpoint.verifies:
            record = self.record
            record.signature = yield from verdict(self.endpoint, self.request, self.runtime, record)
        return self.record.signature

    @property
    def is_turned_away(self) -> bool:
        """Whether its signature was found invalid, and the endpoint rejects such deliveries."""
        signature = self.record.signature
        return signature is not None and not signature.valid and self.endpoint.rejects

    @property
    def is_verified(self) -> bool:
        """Whether the handler may run as far as the signature goes."""
        signature = self.record.signature
        if signature is not None and signature.valid:
            return True
        return not (self.endpoint.verifies and self.endpoint.rejects)

    def covers(self, endpoint: Endpoint) -> bool:
        """Whether the handler that is marked with `endpoint` may run inside this delivery."""
        return self.is_verified and (
            endpoint is self.endpoint or covered(endpoint, self.endpoint, self.request, self.record)
        )

    def refuse(self) -> None:
        """A marked handler inside has refused to run: this delivery was not verified for it."""
        self.refused = True
        self.record.rejected_for = "unverified_delivery"

    def questions(self, *, verified: bool = False) -> tuple[Handshake, ...]:
        """The provider's handshakes that the request may be, by a glance; nearly always none.

        Args:
            verified: whether those are wanted that a valid signature proves. Otherwise those that need none: as long
                as the body was not read, those that the request's head tells, and then the others.
        """
        record, known = self.record, self.endpoint.handshakes
        self._greeted = self._greeted or verified
        if record.method not in self.endpoint.greets or (verified and not record.is_genuine):
            return ()
        return known.likely(record.method, record.headers, self.request.body, verified=verified)

    def greet(self, questions: tuple[Handshake, ...]) -> Flow[Respond | None]:
        """Answers a handshake of the provider's, so that no handler runs; None where the request is none.

        Args:
            questions: that it may be.
        """
        record, endpoint = self.record, self.endpoint
        answer: Respond | None = None
        try:
            answer = yield from met(questions, endpoint, self.request, record, self._body)
            if answer is None or self.silent:
                pass
            elif record.rejected_for is None:
                self.runtime.telemetry.start_if_affordable(record)
            elif endpoint.may_report_rejection():
                self.runtime.telemetry.start(record)
                self._log_rejection()
        except Exception as error:  # noqa: BLE001  # ours, or the user's function: then nothing is confirmed
            self.runtime.failed("answering a handshake", error)
        if answer is not None:
            self._step("answer")
        return answer

    def say_unanswered(self) -> None:
        """Says, once for an endpoint, which option is missing where the provider asks what nobody answers."""
        endpoint = self.endpoint
        if not endpoint.handshakes.unmet:
            return
        try:
            missing = unanswered(endpoint, self.request, self._body)
        except Exception as error:  # noqa: BLE001  # ours: the request goes its way
            self.runtime.failed("looking for a handshake", error)
            return
        if missing is not None and self.runtime.says_once(f"unanswered {id(endpoint)}"):
            logger.warning(
                "outworx: %s asks for a handshake at %r, and nothing here answers it: set %s (docs/handshakes.md)",
                endpoint.options.provider,
                self.request.path,
                missing,
            )

    def admit(self) -> Flow[Proceed | Respond]:
        """Verifies, unless that was done, then claims the key; starts the span."""
        record, endpoint = self.record, self.endpoint
        answer: Respond | None = None
        if endpoint.verifies and record.signature is None:
            yield from self.verify()
        if record.signature is not None and endpoint.refuses(record.signature):
            answer = self._rejection(record.signature)
            if endpoint.handshakes.bare_rejection:
                answer = Respond(answer.status, (), b"")
        elif endpoint.handshakes.signed and not self._greeted and (asked := self.questions(verified=True)):
            greeting = yield from self.greet(asked)
            if greeting is not None:
                return greeting
        try:
            read_event(endpoint, record, self._body)
            self._claim = self._claim_of_key()
            if self._claim is not None and answer is None:
                answer = yield from self._claim.take()
            if not self.silent and (
                answer is None or record.rejected_for is None or endpoint.may_report_rejection()
            ):
                self.runtime.telemetry.start(record)
                if record.rejected_for is not None:
                    self._log_rejection()
        except Exception as error:  # noqa: BLE001  # ours: the request goes on without telemetry
            self.runtime.failed("admitting a delivery", error)
        if answer is not None:
            self._step("answer")
            return answer
        self._step("admit")
        options = endpoint.options
        if options.require_processing_mark and options.diagnose_silent_drops:
            # In the context that the handler is called in: a flow runs in that of whoever drives it.
            self._watch = drops.watch(self.request.handler)
        return Proceed(self.track)

    def _claim_of_key(self) -> KeyClaim | OnceClaim | None:
        endpoint, record, store = self.endpoint, self.record, self.runtime.store
        keyed = bool(endpoint.options.idempotency_key) and (
            record.signature is None or record.signature.valid
        )
        if isinstance(store, TransactionStore):
            claim = OnceClaim(endpoint, self._event_key(), store, record, self.runtime, keyed=keyed)
            self.track.protect = claim.block
            return claim
        return KeyClaim(endpoint, self._event_key(), store, record, self.runtime) if keyed else None

    def _event_key(self) -> EventKey:
        return EventKey(self.endpoint, self.request, self._body, self.record, self.runtime)

    def answer_early(self, error: BaseException) -> Respond | None:
        """The answer of a handler that `track.once()` has ended; None where something else has."""
        ended = _ended_in(error)
        if ended is None or not isinstance(ended.answer, Respond) or not self._step("answer"):
            return None
        self.track.close(partial(marked_after, self.runtime, self.record))
        return ended.answer

    def _rejection(self, result: SignatureResult) -> Respond:
        status, message = 401, "Invalid webhook signature"
        headers: tuple[tuple[str, str], ...] = ()
        if result.reason == "body_unavailable":
            status, message = 400, "Webhook body could not be read"
            if self.request.body_problem == "too_large":
                status, message = 413, "Webhook body too large"
        if result.reason == "key_unavailable":
            # It may well be genuine: the provider is to send it again.
            status, message, headers = 503, "Try again later", (("retry-after", "30"),)
        self.record.outcome = "rejected"
        self.record.rejected_for = result.reason
        self.record.status = status
        return respond(self.request, status, message, *headers)

    def _log_rejection(self) -> None:
        record = self.record
        logger.warning(
            "webhook rejected: provider=%s path=%r reason=%s hint=%s trace_id=%s",
            record.provider,
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

    # -- while the handler runs ------------------------------------------------------------------------------

    def body_was_read(self, raw: bytes) -> None:
        """The handler has read the body of a delivery that nothing had to be read of before."""
        if self._body is not None or self.is_over:
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

    def undone_by(self, answer: OutboundResponse) -> str | None:
        """Why the work of a handler that has answered so is not done, as things stand; None where it is."""
        mark = self.track.mark
        if not 200 <= answer.status < 300:
            return f"answered {answer.status}"
        if mark is not None:
            return f"failed: {mark.reason}" if mark.status == "failed" else None
        return "silent drop: answered without a mark" if self._must_mark(answer.status) else None

    @property
    def has_key_setting(self) -> bool:
        """Whether it may have a key that is claimed in a transaction."""
        return isinstance(self._claim, OnceClaim) and self._claim.keyed

    # -- after the handler -----------------------------------------------------------------------------------

    def settle(
        self, outcome: OutboundResponse | BaseException, *, status_of_error: int | None = None
    ) -> Flow[None]:
        """Resolves the status, and commits or releases the claim.

        Args:
            outcome: the handler's answer, or what it raised.
            status_of_error: the status that the framework turns that exception into (Http404, `abort(403)`);
                None where it is an error.
        """
        if not self._step("settle"):
            return
        record = self.record
        record.mark = mark = self.track.close(partial(marked_after, self.runtime, self.record))
        answer: OutboundResponse | None = None
        if isinstance(outcome, OutboundResponse):
            answer = outcome
            record.status = answer.status
            if self.endpoint.options.capture_body:
                record.response_body = answer.body
            if not answer.complete:
                record.error = ConnectionError("the answer was cut off before its end")
        elif status_of_error is not None:
            record.status = status_of_error
        else:
            record.error = outcome
        if mark is not None:
            record.processing = mark.status
            self.endpoint.note_marked(True)
        elif record.error is None and record.status is not None and self._must_mark(record.status):
            record.processing = "silent_drop"
            self.endpoint.note_marked(False)
            if self._watch is not None:
                record.findings = self._watch.findings()
        record.outcome = outcome_of(record)
        if self._claim is not None:
            did_its_work = record.error is None and record.processing not in ("failed", "silent_drop")
            commits = answer is not None and 200 <= answer.status < 300 and did_its_work
            yield from self._claim.end(answer, commits)

    def broke_after(self, error: BaseException) -> None:
        """Something raised after the answer was settled: a dependency's clean-up, a background task."""
        if self.state == "settled":
            self.record.error = error
            self.record.outcome = "error"

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

        if self.is_over:
            return
        if self._claim is not None and self._claim.is_held:
            end_ns = end_ns or time.time_ns()
            call_in(0, end)
        else:
            end()

    def linger(self, end_ns: int) -> None:
        """The last byte of a settled answer is out, and the handler may go on: its end reports the delivery."""
        if self.state == "settled":
            self._lingers = True
            linger(self, end_ns)

    def await_mark(self, answer: OutboundResponse, end_ns: int) -> Deadline:
        """The last byte is out and the mark is not made: waits for background work, but not for ever."""

        def stop() -> None:
            run_sync(self._defer(answer))
            self.finish(end_ns)

        return call_in(BACKGROUND_SECONDS, stop)

    def _defer(self, answer: OutboundResponse) -> Flow[None]:
        if not self._step("settle"):
            return
        record = self.record
        record.status = answer.status
        record.mark = self.track.close(partial(marked_after, self.runtime, self.record))
        record.processing = "deferred" if record.mark is None else record.mark.status
        record.outcome = outcome_of(record)
        if self._claim is not None:
            yield from self._claim.end(answer, 200 <= answer.status < 300 and record.processing != "failed")

    def finish(self, end_ns: int | None = None) -> None:
        """Reports the delivery, as ended at `end_ns` (now, if None)."""
        if not self._step("report"):
            return
        self._let_go()
        self.record.end_ns = end_ns or time.time_ns()
        if self.silent:
            return
        try:
            self.runtime.telemetry.finish(self.record)
            mark = self.record.mark
            if mark is not None and mark.status == "deferred" and not self.track.handed_on:
                expect_mark(self.runtime, self.record, self.track)
            self._log()
            self._send_now()
        except Exception as error:  # noqa: BLE001  # ours: the answer stands
            self.runtime.failed("reporting a delivery", error)

    def drop(self) -> Flow[None]:
        """Forgets the delivery and frees its key: it turned out to be none (the framework's own 404 or 405)."""
        if self._step("drop"):
            self._let_go()
            if self._claim is not None:
                yield from self._claim.end(None, commits=False)

    def _send_now(self) -> None:
        if self.runtime.freezes and self.runtime.flush is not None:
            flush_before_freezing(self.runtime.flush)

    def _let_go(self) -> None:
        self.request.let_go()
        self.visit = None
        if self._lingers:
            forget(self)
        if self._watch is not None:
            self._watch.close()

    def _log(self) -> None:
        record, signature = self.record, self.record.signature
        trouble = record.outcome in _LOGGED_OUTCOMES
        if not self.runtime.debug and not (trouble and self.endpoint.may_report_rejection()):
            return
        (logger.warning if trouble else logger.info)(
            "webhook provider=%s path=%r event=%r status=%s outcome=%s signature=%s processing=%s %.1fms trace_id=%s",
            record.provider,
            record.path,
            record.event_type or "-",
            record.status,
            record.outcome,
            "unchecked" if signature is None else "valid" if signature.valid else signature.reason,
            record.processing or "-",
            ((record.end_ns or record.start_ns) - record.start_ns) / 1e6,
            record.trace_id or "-",
        )

    # -- what never reached a handler ------------------------------------------------------------------------

    def unhandled(
        self, status: int | None, error: BaseException | None = None, *, nearest: str | None = None
    ) -> None:
        """Reports a request that was addressed to a webhook and became nobody's delivery.

        Args:
            status: what it was answered with; None where the application raised.
            error: what it raised.
            nearest: for a 404 or 405, the route that is nearest to the path.
        """
        if not self._step("report"):
            return
        self._let_go()
        record = self.record
        record.status, record.error, record.nearest_route = status, error, nearest
        record.outcome = _outcome_of_unhandled(status, error)
        record.end_ns = time.time_ns()
        if self.silent:
            return
        try:
            read_event(self.endpoint, record, self._body)
            self.runtime.telemetry.report(record)
            self._send_now()
        except Exception as failure:  # noqa: BLE001  # ours: the answer stands
            self.runtime.failed("reporting a request", failure)


def _ended_in(error: BaseException) -> DeliveryEnded | None:
    """Where a task group ran the block, what it raised is in a group."""
    if isinstance(error, DeliveryEnded):
        return error
    # BaseExceptionGroup came with Python 3.11, and its backport is another class.
    inner = getattr(error, "exceptions", None)
    found = map(_ended_in, inner) if isinstance(inner, tuple | list) else ()
    return next((one for one in found if one is not None), None)


def _outcome_of_unhandled(status: int | None, error: BaseException | None) -> Outcome:
    if error is not None or status is None or status >= 500:
        return "error"
    if status in (404, 405):
        return "unrouted"
    if status >= 400:
        return "turned_away"
    return "redirected" if status >= 300 else "accepted"
