"""The idempotency of one delivery: its key, the claim on it, and how that claim ends."""

from __future__ import annotations

import inspect
import uuid
from typing import Any, Final

from outworx_otel.body import Body
from outworx_otel.delivery._messages import InboundRequest, OutboundResponse, Respond, respond
from outworx_otel.endpoints import Endpoint, Runtime
from outworx_otel.errors import KeyFunctionError, StoreError
from outworx_otel.flow import Flow
from outworx_otel.idempotency import Claimed, Completed, InProgress, StoredAnswer, hashed_key
from outworx_otel.telemetry import Record, span_identity

LEASE: Final = 30.0
MAX_STORED_BODY: Final = 256 * 1024
_MAX_RETRY_AFTER: Final = 30
_SAFE_HEADERS: Final = frozenset(
    {
        "content-type",
        "content-language",
        "content-encoding",
        "cache-control",
        "etag",
        "last-modified",
        "location",
    }
)


class KeyClaim:
    """Claims the key of a delivery, if it has one, and commits or releases it.

    Args:
        endpoint: whose options say what the key is.
        request: the delivery.
        record: told the outcome.
        runtime: the store, and who hears of errors.
    """

    __slots__ = ("_body", "_endpoint", "_held", "_record", "_request", "_runtime")

    def __init__(
        self, endpoint: Endpoint, request: InboundRequest, body: Body | None, record: Record, runtime: Runtime
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._body = body
        self._record = record
        self._runtime = runtime
        self._held: tuple[str, str] | None = None

    def take(self) -> Flow[Respond | None]:
        """Claims; the answer to give instead of running the handler, or None where it is to run."""
        record, options = self._record, self._endpoint.options
        try:
            key = yield from self._key()
        except Exception as cause:  # noqa: BLE001  # the user's function
            record.idempotency_outcome = "key_error"
            error = KeyFunctionError(f"idempotency_key raised {type(cause).__name__}: {cause}")
            error.__cause__ = cause
            self._runtime.report(error)
            return None
        if key is None:
            return None
        scope = options.idempotency_scope or f"{options.provider} {self._request.path}"
        hashed = hashed_key(scope, key if isinstance(key, str) else repr(key))
        record.idempotency_key = hashed
        token = uuid.uuid4().hex
        try:
            claim = yield self._runtime.store.claim(hashed, token, LEASE)
        except StoreError as error:
            self._runtime.report(error)
            if options.idempotency_on_store_error == "reject":
                record.idempotency_outcome = "rejected"
                record.rejected_for = "store_unavailable"
                return self._answer(503, "rejected", "Try again later", ("retry-after", "5"))
            record.idempotency_outcome = "fail_open"
            return None
        match claim:
            case Completed(answer):
                return self._replay(answer)
            case InProgress(lease_left):
                record.idempotency_outcome = "in_flight"
                wait = max(1, min(int(lease_left) + 1, _MAX_RETRY_AFTER))
                return self._answer(
                    409, "in_flight", "This delivery is under way", ("retry-after", str(wait))
                )
            case Claimed():
                self._held = (hashed, token)
                record.idempotency_outcome = "executed"
        return None

    def end(self, answer: OutboundResponse | None, commits: bool) -> Flow[None]:
        """Commits the answer of a handler that did its work, or makes the key free for the next retry."""
        if self._held is None:
            return
        key, token = self._held
        record = self._record
        record.committed = False
        try:
            if commits and answer is not None:
                ttl = self._endpoint.options.idempotency_ttl
                record.committed = yield self._runtime.store.complete(key, token, self._stored(answer), ttl)
            else:
                yield self._runtime.store.release(key, token)
        except StoreError as error:
            self._runtime.report(error)
        except Exception as error:  # noqa: BLE001  # ours: the answer stands
            self._runtime.failed("ending an idempotency claim", error)

    def _key(self) -> Flow[Any]:
        wanted = self._endpoint.options.idempotency_key
        headers = self._request.headers
        if wanted is True:
            return self._record.event_id
        if isinstance(wanted, str):
            place, _, name = wanted.partition(".")
            if place == "header":
                return headers.get(name)
            value = None if self._body is None else self._body.parsed()
            for step in name.split("."):
                value = value.get(step) if isinstance(value, dict) else None
            return value
        assert callable(wanted)
        key = wanted(self._request.native(), None if self._body is None else self._body.parsed(), headers)
        if inspect.isawaitable(key):
            key = yield key
        return key

    def _answer(self, status: int, outcome: str, message: str, *headers: tuple[str, str]) -> Respond:
        self._record.status = status
        self._record.outcome = outcome
        return respond(self._request, status, message, *headers)

    def _replay(self, answer: StoredAnswer) -> Respond:
        record = self._record
        record.idempotency_outcome = record.outcome = "replayed"
        record.replayed = answer
        record.status = answer.status
        record.fingerprint_mismatch = answer.fingerprint != self._fingerprint()
        return Respond(answer.status, (*answer.headers, ("idempotent-replayed", "true")), answer.body or b"")

    def _fingerprint(self) -> str:
        return hashed_key("body", (self._request.body or b"").decode("latin-1"))

    def _stored(self, answer: OutboundResponse) -> StoredAnswer:
        headers: tuple[tuple[str, str], ...] = ()
        if answer.headers is not None:
            headers = tuple((name, answer.headers[name]) for name in answer.headers if name in _SAFE_HEADERS)
        body = answer.body if answer.body is not None and len(answer.body) <= MAX_STORED_BODY else None
        trace_id, span_id = span_identity(self._record)
        return StoredAnswer(answer.status, headers, body, self._fingerprint(), trace_id, span_id)
