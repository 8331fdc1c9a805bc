"""`django://alias`: a view in one transaction with its event's key; and Django's connections for `track.once()`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from asgiref.sync import iscoroutinefunction
from django.db import connections, transaction
from django.urls import get_resolver

from outworx_otel.delivery import Delivery, OutboundResponse
from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.idempotency import TransactionStore
from outworx_otel.idempotency.transaction import add_kind, pyformat
from outworx_otel.integrations._django import readable
from outworx_otel.setup.marking import marked
from outworx_otel.setup.runtime import Runtime

_NONE_YET: Final = object()


class NotDone(Exception):
    """Why a view's transaction was rolled back, where nothing was raised."""


class DjangoConnection:
    """The connection to one of Django's databases: a transaction is `atomic()`, and so is a savepoint."""

    awaits = False
    keeps_here = True

    def __init__(self, connection: Any) -> None:
        # `django.db.connection` stands for another one in each thread.
        self._connection = connections[connection.alias]
        self._own: Any = None
        self._savepoint: Any = None
        self.joins: bool = self._connection.in_atomic_block
        is_mariadb = getattr(self._connection, "mysql_is_mariadb", False)
        self.database: str = "mariadb" if is_mariadb else self._connection.vendor

    def open(self) -> None:
        """See `Connection.open`."""
        if not self.joins:
            self._own = self._begun()

    def _begun(self) -> Any:
        atomic = transaction.atomic(using=self._connection.alias)
        atomic.__enter__()
        return atomic

    def change(self, statement: str, parameters: dict[str, Any]) -> int:
        """See `Connection.change`."""
        with self._connection.cursor() as cursor:
            cursor.execute(pyformat(statement), parameters or None)
            return int(cursor.rowcount)

    def fetch(self, statement: str, parameters: dict[str, Any]) -> Any:
        """See `Connection.fetch`."""
        with self._connection.cursor() as cursor:
            cursor.execute(pyformat(statement), parameters or None)
            return cursor.fetchone() if cursor.description else None

    def set_savepoint(self) -> None:
        """See `Connection.set_savepoint`."""
        self._savepoint = self._begun()

    def release(self) -> None:
        """See `Connection.release`."""
        self._savepoint.__exit__(None, None, None)

    def undo(self, error: BaseException) -> None:
        """See `Connection.undo`."""
        self._savepoint.__exit__(type(error), error, error.__traceback__)

    def commit(self) -> None:
        """See `Connection.commit`."""
        own, self._own = self._own, None
        own.__exit__(None, None, None)

    def rollback(self) -> None:
        """See `Connection.rollback`."""
        own, self._own = self._own, None
        if own is not None:
            own.__exit__(NotDone, NotDone(), None)

    def is_open(self) -> bool:
        """See `Connection.is_open`."""
        return bool(self._connection.in_atomic_block)

    def keeper(self) -> Callable[[str, dict[str, Any]], int]:
        """See `Connection.keeper`."""
        return self.change


def in_transaction(delivery: Delivery, alias: str, call: Callable[[], Any]) -> Any:
    """Calls a view in one transaction with its event's key, and commits if its work is done.

    Args:
        delivery: under way.
        alias: of the database.
        call: calls the view.
    """
    response = _NONE_YET
    try:
        with delivery.track.once(connections[alias]) as block:
            response = call()
            answer = _answer(response)
            undone = delivery.undone_by(answer)
            if undone is not None:
                raise NotDone(undone)
            block.complete(answer)
    except NotDone:
        if response is _NONE_YET:
            raise
    return response


def _answer(response: Any) -> OutboundResponse:
    """What there is of an answer when the view returns it."""
    status = getattr(response, "status_code", None)
    if not isinstance(status, int):
        # Django is about to say so.
        raise NotDone(f"the view returned {type(response).__name__}")
    whole = getattr(response, "is_rendered", True) and not getattr(response, "streaming", False)
    body = response.content if whole else None
    return OutboundResponse(status, Headers(response.headers.items()), body)


def check_at_start(runtime: Runtime) -> None:
    """What can be known of this mode before the first delivery.

    Raises:
        ConfigurationError: there is no such database, or an endpoint is served by an async view.
    """
    store = runtime.store
    if not isinstance(store, TransactionStore) or store.alias is None:
        return
    if store.alias not in connections:
        raise ConfigurationError(
            f"idempotency_store {store}: DATABASES has no {store.alias!r}; it has {', '.join(connections)}"
        )
    for template, view in _views(get_resolver().url_patterns, ""):
        endpoint = marked(view, "POST") or runtime.find_path(template)
        if endpoint is not None and endpoint.options.idempotency_key and iscoroutinefunction(view):
            raise ConfigurationError(no_async(store, getattr(view, "__name__", template)))


def no_async(store: TransactionStore, view: str) -> str:
    """What is wrong with an async view."""
    return (
        f"idempotency_store {store}: {view} is an async view, and Django has no transactions on an event loop; make "
        'it a `def`, or take idempotency_store="transaction://" and an async session of SQLAlchemy or psycopg'
    )


def _views(patterns: Iterable[Any], before: str) -> Iterator[tuple[str, Any]]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        inner = getattr(pattern, "url_patterns", None)
        if inner is not None:
            yield from _views(inner, here)
        else:
            yield readable(here) or here, pattern.callback


add_kind("django.db.backends.base.base", "BaseDatabaseWrapper", DjangoConnection)
add_kind("django.utils.connection", "ConnectionProxy", DjangoConnection)
