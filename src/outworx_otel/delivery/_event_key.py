"""The idempotency key of one delivery, and what a duplicate of it is answered: the same wherever keys are kept."""

from __future__ import annotations

import hashlib
import inspect
import math
from collections.abc import Callable
from typing import Any, Final

from outworx_otel.delivery._event import event_id
from outworx_otel.delivery._messages import InboundRequest, OutboundResponse, Respond, respond
from outworx_otel.delivery.flow import Flow
from outworx_otel.errors import KeyFunctionError, described
from outworx_otel.http.body import Body
from outworx_otel.http.paths import plain_path
from outworx_otel.idempotency import StoredAnswer, distinguishes, hashed_key
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.runtime import Runtime
from outworx_otel.telemetry import Outcome, Record, span_identity
from outworx_otel.telemetry.redaction import scrub

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
# No bytes at all are no gzip: Node's zlib, for one, calls them an unexpected end of file.
_SAFE_WITHOUT_BODY: Final = _SAFE_HEADERS - {"content-encoding"}

# Endpoints whose missing keys were said. Held, so that no other endpoint comes to the same identity.
_keyless: Final[set[Endpoint]] = set()
_MAX_KEYLESS: Final = 1000


class EventKey:
    """Finds the key of a delivery, if it has one, and makes the answers that depend on it.

    Args:
        endpoint: whose options say what the key is.
        request: the delivery.
        body: of the request; None where it could not be read.
        record: told what the key is, and the outcome where there is none.
        runtime: hears of errors.
    """

    __slots__ = ("_body", "_endpoint", "_record", "_request", "_runtime")

    def __init__(
        self, endpoint: Endpoint, request: InboundRequest, body: Body | None, record: Record, runtime: Runtime
    ) -> None:
        self._endpoint = endpoint
        self._request = request
        self._body = body
        self._record = record
        self._runtime = runtime

    def find(self) -> Flow[str | None]:
        """The key, hashed; None where the delivery has none."""
        record, options = self._record, self._endpoint.options
        try:
            wanted = options.idempotency_key
            key = (yield from self._ask(wanted)) if callable(wanted) else self._read(wanted)
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
        return hashed

    def answer(self, status: int, outcome: Outcome, message: str, *headers: tuple[str, str]) -> Respond:
        """An answer of our own."""
        self._record.status = status
        self._record.outcome = outcome
        return respond(self._request, status, message, *headers)

    def in_flight(self, seconds: float) -> Respond:
        """The answer to a duplicate while the first is under way, for about so long."""
        self._record.idempotency_outcome = "in_flight"
        wait = max(1, min(math.ceil(seconds), _MAX_RETRY_AFTER))
        return self.answer(409, "in_flight", "This delivery is under way", ("retry-after", str(wait)))

    def replay(self, answer: StoredAnswer) -> Respond:
        """The answer to a duplicate of what was handled."""
        record = self._record
        record.idempotency_outcome = record.outcome = "replayed"
        record.replayed = answer
        record.status = answer.status
        record.fingerprint_mismatch = bool(answer.fingerprint) and answer.fingerprint != self._fingerprint()
        if record.fingerprint_mismatch and self._endpoint.options.idempotency_on_mismatch == "reject":
            return self.answer(422, "replayed", "This key was used with another body")
        return Respond(answer.status, (*answer.headers, ("idempotent-replayed", "true")), answer.body or b"")

    def stored(self, answer: OutboundResponse) -> StoredAnswer:
        """What is kept of the handler's answer."""
        headers: tuple[tuple[str, str], ...] = ()
        body = answer.body if answer.body is not None and len(answer.body) <= MAX_STORED_BODY else None
        if answer.headers is not None:
            safe = _SAFE_HEADERS if body is not None else _SAFE_WITHOUT_BODY
            headers = tuple([pair for pair in answer.headers.items() if pair[0] in safe])
        trace_id, span_id = span_identity(self._record)
        return StoredAnswer(answer.status, headers, body, self._fingerprint(), trace_id, span_id)

    def _read(self, wanted: str | bool | None) -> Any:
        headers = self._request.headers
        if wanted is True:
            return event_id(self._endpoint, headers, self._body)
        if wanted == "body":
            return self._fingerprint() if self._request.body else None
        if not isinstance(wanted, str):
            return None
        place, _, name = wanted.partition(".")
        if place == "header":
            return headers.get(name)
        value = None if self._body is None else self._body.parsed()
        for step in name.split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return value

    def _ask(self, function: Callable[..., Any]) -> Flow[Any]:
        body = None if self._body is None else self._body.parsed()
        key = function(self._request.native(), body, self._request.headers)
        if inspect.isawaitable(key):
            key = yield key
        if isinstance(key, bool):
            raise TypeError("it gave a bool, which tells no delivery from another: give text")
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

    def _fingerprint(self) -> str:
        return hashlib.sha256(self._request.body or b"").hexdigest()
