"""The key of a delivery whose handler writes it in a transaction of its own: `track.once(session)`."""

from __future__ import annotations

from typing import Any

from outworx_otel.delivery._event_key import EventKey
from outworx_otel.delivery._messages import OutboundResponse, Respond
from outworx_otel.delivery._once_block import Once
from outworx_otel.delivery.flow import Flow
from outworx_otel.errors import StoreError, TransactionError, described
from outworx_otel.idempotency import TransactionStore
from outworx_otel.idempotency.record import encode
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.runtime import Runtime
from outworx_otel.telemetry import Record
from outworx_otel.telemetry.redaction import scrub


class OnceClaim:
    """The key of a delivery whose handler writes it, in a transaction of its own.

    Args:
        endpoint: whose options say how long a key is kept.
        event: finds the key, and makes answers.
        store: where the key is, and how long a rival waits.
        record: told the outcome.
        runtime: hears of errors.
        keyed: whether the delivery may have a key: the endpoint says what it is, and the signature is not invalid.
    """

    __slots__ = ("_block", "_endpoint", "_event", "_record", "_runtime", "_store", "key", "keyed")

    def __init__(
        self,
        endpoint: Endpoint,
        event: EventKey,
        store: TransactionStore,
        record: Record,
        runtime: Runtime,
        *,
        keyed: bool,
    ) -> None:
        self._endpoint = endpoint
        self._runtime = runtime
        self.keyed = keyed
        self._block: Once | None = None
        self._event = event
        self._store = store
        self._record = record
        self.key: str | None = None

    def take(self) -> Flow[Respond | None]:
        """Finds the key; it is claimed where the handler says."""
        if self.keyed:
            self.key = yield from self._event.find()
            if self.key is not None:
                self._record.idempotency_mode = "transaction"
                # As long as the handler does not come to its block.
                self._record.idempotency_outcome = "fail_open"
        return None

    def block(self, session: Any) -> Once:
        """The block of a handler.

        Raises:
            TransactionError: it is the second one.
        """
        if self._block is not None:
            raise TransactionError(
                "track.once() was called a second time in one delivery: an event has one key, so put all that must "
                "happen once into one block"
            )
        ttl = self._endpoint.options.idempotency_ttl
        self._block = Once(session, self.key, self._event, self._store, self._record, ttl)
        if self.key is not None:
            self._record.idempotency_outcome = None
        if not self.keyed and not self._endpoint.options.idempotency_key:
            self._record.idempotency_outcome = "no_key"
            self._say_once(
                "nokey", "has no idempotency_key, so track.once() has nothing to keep: set it, e.g. to True"
            )
        return self._block

    @property
    def is_held(self) -> bool:
        """Whether the end of the delivery may ask the database."""
        return self._block is not None and self._block.may_keep_later

    def end(self, answer: OutboundResponse | None, commits: bool) -> Flow[None]:
        """Keeps the answer of a delivery that is done, for those that come again."""
        block, record = self._block, self._record
        if block is None:
            self._never_called(commits)
            return
        if answer is None or not 200 <= answer.status < 300 or not answer.complete:
            return
        stored = self._event.stored(answer)
        try:
            kept = yield from block.keep(encode(stored))
            record.answer_kept = kept and stored.body is not None
        except Exception as cause:  # noqa: BLE001  # the event is done, and the answer stands
            record.answer_kept = False
            self._report("the answer could not be kept", cause)
            return
        try:
            yield from block.tidy()
        except Exception as cause:  # noqa: BLE001  # the next one will
            self._report("old keys could not be removed", cause)

    def _report(self, what: str, cause: Exception) -> None:
        error = StoreError(f"track.once(): {what}: {scrub(described(cause))}")
        error.__cause__ = cause
        self._runtime.report(error)

    def _never_called(self, commits: bool) -> None:
        if self.key is None:
            return
        if not commits:
            # What a handler turned away, or what broke before its block, was not left unprotected.
            self._record.idempotency_outcome = None
        elif self._record.processing != "ignored":
            self._say_once(
                "never",
                "was handled without track.once(session), so nothing keeps the event from being handled twice: put "
                "its effects into that block, or configure another idempotency_store",
            )

    def _say_once(self, what: str, said: str) -> None:
        if self._runtime.says_once(f"once {what} {id(self._endpoint)}"):
            logger.warning(
                "webhook %s %r %s. Said once for each endpoint",
                self._record.provider,
                self._record.path,
                said,
            )
