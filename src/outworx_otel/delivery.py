"""The life of one delivery: verify, claim, [handler], settle, report. No framework, no I/O of its own."""

from __future__ import annotations

import inspect
import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import msgspec
from opentelemetry.trace import Span

from .body import Body, RawBody
from .endpoints import Endpoint, Runtime
from .errors import KeyFunctionError, StoreError, VerifierError
from .flow import Flow
from .headers import Headers
from .idempotency import Claimed, Completed, InProgress, StoredAnswer, hashed_key
from .signatures import SignatureResult
from .telemetry import Record
from .track import Mark, TrackContext

logger = logging.getLogger("outworx_otel")

LEASE: Final = 30.0
MAX_STORED_BODY: Final = 256 * 1024
MAX_EVENT_TEXT: Final = 256
_SAFE_HEADERS: Final = frozenset(
    {"content-type", "content-language", "content-encoding", "cache-control", "etag", "last-modified", "location"}
)

BodyProblem = Literal["too_large", "incomplete", "unreadable"]


@dataclass
class InboundRequest:
    """A raw request, whichever framework received it.

    Args:
        method: in upper case.
        path: the concrete path, as the provider called it.
        route: its template, where the framework knows one.
        headers: case-insensitive.
        body: the exact bytes; None where nothing had to be read before the handler.
        body_size: announced or read, in bytes.
        body_problem: why `body` is None although it was wanted.
        problem_hint: what to do about it.
        url: gives the full URL; asked only by schemes that sign it.
        native: gives the framework's own request, for users' functions.
        json_answers: whether our own answers are JSON (Flask, Django) or text.
    """

    method: str
    path: str
    route: str | None
    headers: Headers
    body: bytes | None
    body_size: int | None
    url: Callable[[], str]
    native: Callable[[], Any]
    body_problem: BodyProblem | None = None
    problem_hint: str | None = None
    json_answers: bool = False


@dataclass(frozen=True)
class Proceed:
    """Run the handler, with this handle."""

    track: TrackContext


@dataclass(frozen=True)
class Respond:
    """Answer this, and do not run the handler."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True)
class OutboundResponse:
    """What the handler answered; `body` is None where it was streamed, over the cap, or not kept."""

    status: int
    headers: Headers | None = None
    body: bytes | None = None


class Delivery:
    """One delivery under way.

    `admit` decides whether the handler runs; `settle` says what became of it and may be called early (as soon
    as all is known); `finish` reports it. Each takes effect once, and none raises.
    """

    __slots__ = (
        "_body",
        "_claim",
        "_finished",
        "_settled",
        "endpoint",
        "record",
        "request",
        "runtime",
        "span",
        "track",
    )

    def __init__(self, endpoint: Endpoint, request: InboundRequest, runtime: Runtime, start_ns: int) -> None:
        self.endpoint = endpoint
        self.request = request
        self.runtime = runtime
        self.track = TrackContext()
        self.span: Span | None = None
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
        self._body: Body | None = None
        if request.body is not None:
            self._read(request.body)
        self._claim: tuple[str, str] | None = None
        self._settled = False
        self._finished = False

    # -- before the handler ------------------------------------------------------------------------------

    def admit(self) -> Flow[Proceed | Respond]:
        """Verifies, then claims."""
        record, options = self.record, self.endpoint.options
        answer: Respond | None = None
        if self.endpoint.problem is not None or options.verifies or options.signature_valid is not None:
            result = yield from self._verify()
            record.signature = result
            if result.signed_at is not None:
                record.signature_age = record.start_ns / 1e9 - result.signed_at
            if not result.valid and options.reject_invalid_signatures:
                answer = self._rejection(result)
        try:
            self._read_event()
            if answer is None and options.idempotency_key and not (record.signature and not record.signature.valid):
                answer = yield from self._claim_key()
            if answer is None or record.outcome != "rejected" or self.endpoint.may_report_rejection():
                self.span = self.runtime.telemetry.start(record)
            if answer is not None and record.outcome == "rejected":
                self._log_rejection()
        except Exception as error:  # noqa: BLE001  # ours: the request goes on without telemetry
            self.runtime.failed("reporting a delivery", error)
        return answer or Proceed(self.track)

    def _verify(self) -> Flow[SignatureResult]:
        options, request, endpoint = self.endpoint.options, self.request, self.endpoint
        if endpoint.problem is not None:
            return SignatureResult(False, "missing_secret", endpoint.problem, None, None)
        if options.signature_valid is not None:
            return (yield from self._verdict())
        if endpoint.unsupported:
            hint = f"No built-in verifier for {options.provider!r}: give a signature_verifier or register its scheme."
            return SignatureResult(False, "unsupported_provider", hint, None, None)
        if request.body is None:
            return SignatureResult(False, "body_unavailable", request.problem_hint, None, None)
        if options.signature_verifier is not None:
            return (yield from self._custom_verdict(request.body))
        assert endpoint.verifier is not None
        try:
            return endpoint.verifier.verify(
                request.body,
                request.headers,
                now=self.record.start_ns / 1e9,
                url=self._public_url() if endpoint.verifier.scheme.signs_url else None,
                method=request.method,
            )
        except Exception as error:  # noqa: BLE001  # a fault of ours in a check must not let the delivery in
            self.runtime.failed("verifying a signature", error)
            return SignatureResult(False, "verifier_threw", f"{type(error).__name__} in the verifier.", None, None)

    def _verdict(self) -> Flow[SignatureResult]:
        given = self.endpoint.options.signature_valid
        try:
            if callable(given):
                given = given(self.request.native())
                if inspect.isawaitable(given):
                    given = yield given
        except Exception as error:  # noqa: BLE001  # the user's function
            return self._verifier_threw("signature_valid", error)
        if given:
            return SignatureResult(True, None, None, None, None)
        return SignatureResult(False, "hmac_mismatch", "signature_valid said that it is not.", None, None)

    def _custom_verdict(self, body: bytes) -> Flow[SignatureResult]:
        verifier = self.endpoint.options.signature_verifier
        assert verifier is not None
        try:
            verdict = verifier(RawBody(body), self.request.headers)
            if inspect.isawaitable(verdict):
                verdict = yield verdict
        except Exception as error:  # noqa: BLE001  # the user's function
            return self._verifier_threw("signature_verifier", error)
        if isinstance(verdict, SignatureResult):
            return verdict
        if verdict:
            return SignatureResult(True, None, None, None, None)
        return SignatureResult(False, "hmac_mismatch", "signature_verifier returned a false value.", None, None)

    def _verifier_threw(self, option: str, cause: Exception) -> SignatureResult:
        error = VerifierError(f"{option} raised {type(cause).__name__}: {cause}")
        error.__cause__ = cause
        self.runtime.report(error)
        return SignatureResult(False, "verifier_threw", f"{option} raised {type(cause).__name__}.", None, None)

    def _public_url(self) -> str:
        public = self.endpoint.options.public_url
        url = self.request.url()
        if public is None:
            return url
        origin_only = public.count("/") == 2 or public.endswith("/") and public.count("/") == 3
        if origin_only:
            return public.rstrip("/") + "/" + url.split("://", 1)[-1].partition("/")[2]
        query = url.partition("?")[2]
        return f"{public}?{query}" if query and "?" not in public else public

    def _rejection(self, result: SignatureResult) -> Respond:
        self.record.outcome = "rejected"
        self.record.rejected_for = result.reason
        status = 401
        message = "Invalid webhook signature"
        if result.reason == "body_unavailable":
            status, message = (
                (413, "Webhook body too large")
                if self.request.body_problem == "too_large"
                else (400, "Webhook body could not be read")
            )
        self.record.status = status
        return self._respond(status, message)

    def _respond(self, status: int, message: str, *headers: tuple[str, str]) -> Respond:
        if self.request.json_answers:
            return Respond(
                status,
                (("content-type", "application/json"), *headers),
                msgspec.json.encode({"error": message}),
            )
        return Respond(status, (("content-type", "text/plain; charset=utf-8"), *headers), message.encode())

    def _log_rejection(self) -> None:
        record, signature = self.record, self.record.signature
        if self.span is not None and signature is not None:
            logger.warning(
                "webhook rejected: provider=%s path=%s reason=%s hint=%s trace_id=%032x",
                record.options.provider,
                record.path,
                signature.reason,
                signature.hint,
                self.span.get_span_context().trace_id,
            )

    # -- the event and its key -----------------------------------------------------------------------------

    def _read(self, raw: bytes) -> None:
        self._body = Body(raw, self.request.headers.get("content-type", ""))
        self.record.body_size = len(raw)
        if self.endpoint.options.capture_body:
            self.record.request_body = raw

    def _read_event(self) -> None:
        endpoint, record, headers = self.endpoint, self.record, self.request.headers
        if endpoint.type_header is not None:
            record.event_type = _text(headers.get(endpoint.type_header))
        if endpoint.id_header is not None:
            record.event_id = _text(headers.get(endpoint.id_header))
        if endpoint.picker is not None and self._body is not None:
            values = self._body.pick(endpoint.picker)
            if endpoint.picks_id:
                record.event_id = _text(values.pop())
            if endpoint.picks_type:
                record.event_type = _text(values.pop())

    def body_was_read(self, raw: bytes) -> None:
        """The handler has read the body of a delivery that nothing had to be read of before."""
        if self._body is None and not self._finished:
            try:
                self._read(raw)
                self._read_event()
                self.record.event_read_late = True
            except Exception as error:  # noqa: BLE001  # ours
                self.runtime.failed("reading an event", error)

    def _claim_key(self) -> Flow[Respond | None]:
        record, options = self.record, self.endpoint.options
        try:
            key = yield from self._key()
        except Exception as cause:  # noqa: BLE001  # the user's function
            record.idempotency_outcome = "key_error"
            error = KeyFunctionError(f"idempotency_key raised {type(cause).__name__}: {cause}")
            error.__cause__ = cause
            self.runtime.report(error)
            return None
        if key is None:
            return None
        scope = options.idempotency_scope or f"{options.provider} {self.request.path}"
        hashed = hashed_key(scope, key if isinstance(key, str) else repr(key))
        record.idempotency_key = hashed
        token = uuid.uuid4().hex
        try:
            claim = yield self.runtime.store.claim(hashed, token, LEASE)
        except StoreError as error:
            self.runtime.report(error)
            if options.idempotency_on_store_error == "reject":
                record.idempotency_outcome = "rejected"
                return self._unavailable()
            record.idempotency_outcome = "fail_open"
            return None
        match claim:
            case Claimed():
                self._claim = (hashed, token)
                record.idempotency_outcome = "executed"
                return None
            case Completed(answer):
                return self._replay(answer)
            case InProgress(lease_left):
                record.idempotency_outcome = record.outcome = "in_flight"
                record.status = 409
                wait = max(1, min(int(lease_left) + 1, 30))
                return self._respond(409, "This delivery is being processed", ("retry-after", str(wait)))

    def _key(self) -> Flow[Any]:
        wanted = self.endpoint.options.idempotency_key
        headers = self.request.headers
        if wanted is True:
            return self.record.event_id
        if isinstance(wanted, str):
            place, _, name = wanted.partition(".")
            value: Any = headers.get(name) if place == "header" else None
            if place == "body" and self._body is not None:
                value = self._body.parsed()
                for step in name.split("."):
                    value = value.get(step) if isinstance(value, dict) else None
            return value
        assert callable(wanted)
        key = wanted(self.request.native(), None if self._body is None else self._body.parsed(), headers)
        if inspect.isawaitable(key):
            key = yield key
        return key

    def _unavailable(self) -> Respond:
        self.record.outcome = "rejected"
        self.record.rejected_for = "store_unavailable"
        self.record.status = 503
        return self._respond(503, "Try again later", ("retry-after", "5"))

    def _replay(self, answer: StoredAnswer) -> Respond:
        record = self.record
        record.idempotency_outcome = record.outcome = "replayed"
        record.replayed = answer
        record.status = answer.status
        record.fingerprint_mismatch = answer.fingerprint != self._fingerprint()
        return Respond(answer.status, (*answer.headers, ("idempotent-replayed", "true")), answer.body or b"")

    def _fingerprint(self) -> str:
        return hashed_key("body", (self.request.body or b"").decode("latin-1"))

    # -- after the handler ---------------------------------------------------------------------------------

    def knows_all(self, status: int) -> bool:
        """Whether the last byte of an answer is the time to settle, or the handler must end first."""
        return (
            not self.endpoint.options.require_processing_mark
            or self.track.mark is not None
            or not 200 <= status < 400
        )

    def settle(self, outcome: OutboundResponse | BaseException, *, status_of_error: int | None = None) -> Flow[None]:
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
        record.mark = mark = self.track.close(self._late)
        answer = outcome if isinstance(outcome, OutboundResponse) else None
        if answer is not None:
            record.status = answer.status
            if self.endpoint.options.capture_body:
                record.response_body = answer.body
        elif status_of_error is not None:
            record.status = status_of_error
        else:
            assert isinstance(outcome, BaseException)
            record.error = outcome
        if mark is not None:
            record.processing = mark.status
        elif answer is not None and 200 <= answer.status < 400 and self._must_mark():
            record.processing = "silent_drop"
        record.outcome = _outcome(record)
        if self._claim is not None:
            yield from self._end_claim(answer)

    def give_up_waiting(self, status: int) -> None:
        """The mark has not come in the time that background work is waited for: somebody else may finish it."""
        if self._settled:
            return
        self._settled = True
        self.record.status = status
        self.record.mark = self.track.close(self._late)
        self.record.processing = self.record.mark.status if self.record.mark else "deferred"
        self.record.outcome = _outcome(self.record)

    def _must_mark(self) -> bool:
        return self.endpoint.options.require_processing_mark

    def _end_claim(self, answer: OutboundResponse | None) -> Flow[None]:
        record = self.record
        assert self._claim is not None
        key, token = self._claim
        commits = (
            answer is not None
            and 200 <= answer.status < 300
            and record.processing not in ("failed", "silent_drop")
        )
        try:
            if commits and answer is not None:
                stored = self._stored(answer)
                ttl = self.endpoint.options.idempotency_ttl
                record.committed = yield self.runtime.store.complete(key, token, stored, ttl)
            else:
                yield self.runtime.store.release(key, token)
                record.committed = False
        except StoreError as error:
            record.committed = False
            self.runtime.report(error)
        except Exception as error:  # noqa: BLE001  # ours: the answer stands
            record.committed = False
            self.runtime.failed("ending an idempotency claim", error)

    def _stored(self, answer: OutboundResponse) -> StoredAnswer:
        headers = ()
        if answer.headers is not None:
            headers = tuple((name, answer.headers[name]) for name in answer.headers if name in _SAFE_HEADERS)
        body = answer.body if answer.body is not None and len(answer.body) <= MAX_STORED_BODY else None
        context = self.span.get_span_context() if self.span is not None else None
        return StoredAnswer(
            answer.status,
            headers,
            body,
            self._fingerprint(),
            f"{context.trace_id:032x}" if context is not None and context.is_valid else "",
            f"{context.span_id:016x}" if context is not None and context.is_valid else "",
        )

    def finish(self, end_ns: int | None = None) -> None:
        """Reports the delivery, as ended at `end_ns` (now, if None)."""
        if self._finished:
            return
        self._finished = True
        self.record.end_ns = end_ns or time.time_ns()
        try:
            self.runtime.telemetry.finish(self.record, self.span)
            if self.runtime.debug:
                self._log()
        except Exception as error:  # noqa: BLE001  # ours: the answer stands
            self.runtime.failed("reporting a delivery", error)

    def drop(self) -> None:
        """Forgets the delivery: it turned out to be none (the framework's own 404 or 405)."""
        self._finished = self._settled = True

    def _late(self, mark: Mark) -> None:
        logger.warning(
            "webhook %s %s was marked %s after its delivery was over; the mark is a span of its own",
            self.record.options.provider,
            self.record.path,
            mark.status,
        )
        try:
            self.runtime.telemetry.late_mark(self.record, self.span, mark)
        except Exception as error:  # noqa: BLE001  # ours
            self.runtime.failed("reporting a late mark", error)

    def _log(self) -> None:
        record = self.record
        signature = record.signature
        logger.info(
            "webhook provider=%s path=%s event=%s status=%s outcome=%s signature=%s processing=%s %.1fms",
            record.options.provider,
            record.path,
            record.event_type,
            record.status,
            record.outcome,
            "unchecked" if signature is None else "valid" if signature.valid else signature.reason,
            record.processing,
            ((record.end_ns or record.start_ns) - record.start_ns) / 1e6,
        )


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, dict | list):
        return None
    return (value if isinstance(value, str) else str(value))[:MAX_EVENT_TEXT] or None


def _outcome(record: Record) -> str:
    if record.error is not None:
        return "error"
    if record.processing in ("failed", "silent_drop", "deferred"):
        return record.processing
    status = record.status
    if status is None or status >= 500:
        return "error"
    return "refused" if status >= 400 else "accepted"
