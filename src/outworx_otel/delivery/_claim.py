"""The idempotency of one delivery: its key, the claim on it, and how that claim ends."""

from __future__ import annotations

import hashlib
import inspect
import math
import re
import secrets
import time
from typing import Any, Final

from outworx_otel.delivery._event import event_id
from outworx_otel.delivery._messages import InboundRequest, OutboundResponse, Respond, respond
from outworx_otel.delivery.flow import Call, Flow, Pause
from outworx_otel.errors import KeyFunctionError, StoreError, described
from outworx_otel.http.body import Body
from outworx_otel.http.paths import plain_path
from outworx_otel.idempotency import (
    BreakerOpen,
    Claim,
    Claimed,
    Completed,
    InProgress,
    Lease,
    StoredAnswer,
    distinguishes,
    hashed_key,
    lease_keeper,
)
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.runtime import Runtime
from outworx_otel.telemetry import Outcome, Record, span_identity
from outworx_otel.telemetry.redaction import scrub

LEASE: Final = 30.0
MAX_STORED_BODY: Final = 256 * 1024
_MAX_RETRY_AFTER: Final = 30
_MAX_WAIT: Final = 2.0
_POLL: Final = 0.05
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
# No bytes at all are no gzip: Node's zlib, for one, calls them an unexpected end of file.
_SAFE_WITHOUT_BODY: Final = _SAFE_HEADERS - {"content-encoding"}


_USER_AND_PASSWORD: Final = re.compile(r"://[^\s/@]*@")
# Endpoints whose missing keys were said. Held, so that no other endpoint comes to the same identity.
_keyless: Final[set[Endpoint]] = set()
_MAX_KEYLESS: Final = 1000


class KeyClaim:
    """Claims the key of a delivery, if it has one, and commits or releases it.

    Args:
        endpoint: whose options say what the key is.
        request: the delivery.
        record: told the outcome.
        runtime: the store, and who hears of errors.
    """

    __slots__ = ("_body", "_endpoint", "_held", "_lease", "_record", "_request", "_runtime", "_store")

    def __init__(
        self, endpoint: Endpoint, request: InboundRequest, body: Body | None, record: Record, runtime: Runtime
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._body = body
        self._record = record
        self._runtime = runtime
        self._store = runtime.store
        self._held: tuple[str, str] | None = None
        self._lease: Lease | None = None

    def take(self) -> Flow[Respond | None]:
        """Claims; the answer to give instead of running the handler, or None where it is to run."""
        record, options = self._record, self._endpoint.options
        try:
            key = yield from self._key()
            if callable(options.idempotency_key) and isinstance(key, bool):
                raise TypeError("it gave a bool, which tells no delivery from another: give text")
            hashed = hashed_key(self._scope(), key) if distinguishes(key) else None
        except Exception as cause:  # noqa: BLE001  # the user's function
            record.idempotency_outcome = "key_error"
            record.note(cause)
            error = KeyFunctionError(f"idempotency_key raised {scrub(described(cause))}")
            error.__cause__ = cause
            self._runtime.report(error)
            return None
        if hashed is None:
            record.idempotency_outcome = "no_key"
            self._warn_of_no_key()
            return None
        record.idempotency_key = hashed
        try:
            claim = yield from self._claim(hashed, secrets.token_hex(16))
        except Exception as cause:  # noqa: BLE001  # the store may be anybody's
            failure = _store_error(cause)
            self._runtime.report(failure)
            record.note(failure)
            if isinstance(failure, BreakerOpen):
                self._held = None
            if options.idempotency_on_store_error == "reject":
                self._release_later()
                record.idempotency_outcome = "rejected"
                record.rejected_for = "store_unavailable"
                return self._answer(503, "rejected", "Try again later", ("retry-after", "5"))
            record.idempotency_outcome = "fail_open"
            record.committed = False
            return None
        match claim:
            case Completed(answer):
                return self._replay(answer)
            case InProgress(lease_left):
                record.idempotency_outcome = "in_flight"
                wait = max(1, min(math.ceil(lease_left), _MAX_RETRY_AFTER))
                return self._answer(
                    409, "in_flight", "This delivery is under way", ("retry-after", str(wait))
                )
            case Claimed(token):
                self._lease = lease_keeper().register(self._store, hashed, token, LEASE)
                record.idempotency_outcome = "executed"
        return None

    def _claim(self, key: str, token: str) -> Flow[Claim]:
        """Claims, and where the endpoint wants it waits a little for the run that has the key."""
        store = self._store
        # A claim that is not answered in time may still have landed: it is ended with its token all the same.
        self._held = (key, token)
        gives_up = time.monotonic() + _MAX_WAIT
        while True:
            claim: Claim
            if store.instant:
                claim = store.claim(key, token, LEASE)
            else:
                claim = yield Call(
                    lambda: store.claim(key, token, LEASE), lambda: store.aclaim(key, token, LEASE)
                )
            if isinstance(claim, Claimed):
                return claim
            waits = self._endpoint.options.idempotency_on_conflict == "wait" and time.monotonic() < gives_up
            if isinstance(claim, InProgress) and waits and (yield Pause(_POLL)):
                continue
            self._held = None
            return claim

    def end(self, answer: OutboundResponse | None, commits: bool) -> Flow[None]:
        """Commits the answer of a handler that did its work, or makes the key free for the next retry."""
        if self._held is None:
            return
        key, token = self._held
        store, record = self._store, self._record
        record.committed = False
        stored = self._stored(answer) if commits and answer is not None else None
        ttl = self._endpoint.options.idempotency_ttl
        if self._lease is None:
            # The claim was not answered in time: its end must not cost the delivery that time once more.
            if stored is None:
                lease_keeper().release_later(store, key, token)
            else:
                lease_keeper().complete_later(store, key, token, stored, ttl)
            return
        lease_keeper().unregister(self._lease)
        record.answer_kept = None if stored is None else stored.body is not None
        try:
            if store.instant:
                if stored is None:
                    store.release(key, token)
                else:
                    record.committed = store.complete(key, token, stored, ttl)
            elif stored is None:
                yield Call(lambda: store.release(key, token), lambda: store.arelease(key, token))
            else:
                record.committed = yield Call(
                    lambda: store.complete(key, token, stored, ttl),
                    lambda: store.acomplete(key, token, stored, ttl),
                )
        except Exception as cause:  # noqa: BLE001  # the store may be anybody's, and the answer stands
            self._runtime.report(_store_error(cause))
            if stored is not None:
                lease_keeper().complete_later(store, key, token, stored, ttl)

    def _release_later(self) -> None:
        """The handler does not run: were the claim to land after all, retries would be told to wait for nobody."""
        if self._held is not None:
            key, token = self._held
            self._held = None
            lease_keeper().release_later(self._store, key, token)

    @property
    def is_held(self) -> bool:
        """Whether there is a claim to end, which may mean to ask a store."""
        return self._held is not None

    def _key(self) -> Flow[Any]:
        wanted = self._endpoint.options.idempotency_key
        headers = self._request.headers
        if wanted is True:
            return event_id(self._endpoint, headers, self._body)
        if wanted == "body":
            return self._fingerprint() if self._request.body else None
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

    def _scope(self) -> str:
        options, request = self._endpoint.options, self._request
        return (
            options.idempotency_scope or f"{options.provider} {plain_path(request.own_path or request.path)}"
        )

    def _warn_of_no_key(self) -> None:
        if self._endpoint in _keyless or len(_keyless) >= _MAX_KEYLESS:
            return
        _keyless.add(self._endpoint)
        wanted = self._endpoint.options.idempotency_key
        logger.warning(
            "webhook %s %r: %s, so nothing keeps it from running twice; %s. Said once for each endpoint",
            self._endpoint.options.provider,
            self._request.path,
            "its event has no id where one is looked for"
            if wanted is True
            else f"idempotency_key={'function' if callable(wanted) else repr(wanted)} gave no key",
            'set idempotency_key to a field that every delivery has, such as "body.id", or to "body"',
        )

    def _answer(self, status: int, outcome: Outcome, message: str, *headers: tuple[str, str]) -> Respond:
        self._record.status = status
        self._record.outcome = outcome
        return respond(self._request, status, message, *headers)

    def _replay(self, answer: StoredAnswer) -> Respond:
        record = self._record
        record.idempotency_outcome = record.outcome = "replayed"
        record.replayed = answer
        record.status = answer.status
        record.fingerprint_mismatch = answer.fingerprint != self._fingerprint()
        if record.fingerprint_mismatch and self._endpoint.options.idempotency_on_mismatch == "reject":
            return self._answer(422, "replayed", "This key was used with another body")
        return Respond(answer.status, (*answer.headers, ("idempotent-replayed", "true")), answer.body or b"")

    def _fingerprint(self) -> str:
        return hashlib.sha256(self._request.body or b"").hexdigest()

    def _stored(self, answer: OutboundResponse) -> StoredAnswer:
        headers: tuple[tuple[str, str], ...] = ()
        body = answer.body if answer.body is not None and len(answer.body) <= MAX_STORED_BODY else None
        if answer.headers is not None:
            safe = _SAFE_HEADERS if body is not None else _SAFE_WITHOUT_BODY
            headers = tuple((name, answer.headers[name]) for name in answer.headers if name in safe)
        trace_id, span_id = span_identity(self._record)
        return StoredAnswer(answer.status, headers, body, self._fingerprint(), trace_id, span_id)


def _store_error(cause: Exception) -> StoreError:
    if isinstance(cause, StoreError):
        return cause
    said = _USER_AND_PASSWORD.sub("://***@", described(cause))
    error = StoreError(f"the idempotency store raised {scrub(said)}")
    error.__cause__ = cause
    return error
