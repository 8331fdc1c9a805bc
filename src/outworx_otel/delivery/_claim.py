"""The claim of a delivery's key in a store, and how that claim ends."""

from __future__ import annotations

import os
import re
import time
from typing import Final

from outworx_otel.delivery._event_key import EventKey
from outworx_otel.delivery._messages import OutboundResponse, Respond
from outworx_otel.delivery.flow import Call, Flow, Pause
from outworx_otel.errors import StoreError, described
from outworx_otel.idempotency import (
    BreakerOpen,
    Claim,
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    Lease,
    lease_keeper,
)
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.redaction import scrub

LEASE: Final = 30.0
_MAX_WAIT: Final = 2.0
_POLL: Final = 0.05

_USER_AND_PASSWORD: Final = re.compile(r"://[^\s/@]*@")


class KeyClaim:
    """Claims the key of a delivery, if it has one, and commits or releases it.

    Args:
        endpoint: whose options say how a duplicate and a missing store are met.
        event: finds the key, and makes answers.
        store: keeps it.
        record: told the outcome.
        runtime: hears of errors.
    """

    __slots__ = ("_endpoint", "_event", "_held", "_lease", "_record", "_runtime", "_store")

    def __init__(
        self,
        endpoint: Endpoint,
        event: EventKey,
        store: IdempotencyStore,
        record: Record,
        runtime: Runtime,
    ) -> None:
        self._endpoint = endpoint
        self._event = event
        self._record = record
        self._runtime = runtime
        self._store = store
        self._held: tuple[str, str] | None = None
        self._lease: Lease | None = None

    def take(self) -> Flow[Respond | None]:
        """Claims; the answer to give instead of running the handler, or None where it is to run."""
        record, options = self._record, self._endpoint.options
        hashed = yield from self._event.find()
        if hashed is None:
            return None
        store, token = self._store, os.urandom(16).hex()
        # A claim that is not answered in time may still have landed: it is ended with its token all the same.
        self._held = (hashed, token)
        try:
            claim: Claim
            claim = (
                store.claim(hashed, token, LEASE) if store.instant else (yield self._asking(hashed, token))
            )
            if isinstance(claim, InProgress) and options.idempotency_on_conflict == "wait":
                claim = yield from self._waiting(claim, hashed, token)
            if not isinstance(claim, Claimed):
                self._held = None
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
                return self._event.answer(503, "rejected", "Try again later", ("retry-after", "5"))
            record.idempotency_outcome = "fail_open"
            record.committed = False
            return None
        match claim:
            case Claimed():
                self._lease = lease_keeper().register(store, hashed, token, LEASE)
                record.idempotency_outcome = "executed"
            case InProgress():
                return self._event.in_flight(claim.lease_left)
            case Completed():
                return self._event.replay(claim.answer)
        return None

    def _asking(self, key: str, token: str) -> Call:
        store = self._store
        return Call(lambda: store.claim(key, token, LEASE), lambda: store.aclaim(key, token, LEASE))

    def _waiting(self, claim: Claim, key: str, token: str) -> Flow[Claim]:
        """Claims again and again, for a little, until the run that has the key is over."""
        store = self._store
        gives_up = time.monotonic() + _MAX_WAIT
        while isinstance(claim, InProgress) and time.monotonic() < gives_up and (yield Pause(_POLL)):
            claim = store.claim(key, token, LEASE) if store.instant else (yield self._asking(key, token))
        return claim

    def end(self, answer: OutboundResponse | None, commits: bool) -> Flow[None]:
        """Commits the answer of a handler that did its work, or makes the key free for the next retry."""
        if self._held is None:
            return
        key, token = self._held
        store, record = self._store, self._record
        record.committed = False
        stored = self._event.stored(answer) if commits and answer is not None else None
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


def _store_error(cause: Exception) -> StoreError:
    if isinstance(cause, StoreError):
        return cause
    said = _USER_AND_PASSWORD.sub("://***@", described(cause))
    error = StoreError(f"the idempotency store raised {scrub(said)}")
    error.__cause__ = cause
    return error
