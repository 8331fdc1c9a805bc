"""A marked handler that refuses to run outside a verified delivery, and is otherwise what it was."""

from __future__ import annotations

import functools
import inspect
from typing import Any, Final

from outworx_otel.errors import ConfigurationError, UnverifiedDelivery
from outworx_otel.setup import enforcement
from outworx_otel.setup.admission import is_trusted, under_way
from outworx_otel.setup.endpoints import Endpoint, logger

MARK: Final = "__outworx_webhook__"

# What a view class is entered by, in Django and DRF, Flask and Starlette; or what its instances are called by.
_ENTRIES: Final = ("dispatch", "dispatch_request", "__call__")
_METHODS: Final = ("post", "put", "patch", "delete", "get", "head", "options")
_DO: Final = (
    "call outworx_otel.instrument() when the application starts, or run it under opentelemetry-instrument, or mount "
    "an adapter such as OutworxHooksMiddleware. If a decorator above @webhook hides the handler, put functools.wraps "
    "on what that returns. In tests: with outworx_otel.testing.trusted():"
)


class Guard:
    """What is asked before a handler's body runs.

    Args:
        endpoint: what the handler is marked with.
    """

    __slots__ = ("_own", "_refused", "endpoint")

    def __init__(self, endpoint: Endpoint) -> None:
        global _any
        _any = True
        self.endpoint = endpoint
        # Of a class: the marks of its methods, which are guarded themselves.
        self._own: tuple[Endpoint, ...] = ()
        self._refused = False

    def __call__(self, wrapped: Any, instance: Any, args: Any, kwargs: Any) -> Any:
        work = under_way()
        if work is None or not work.covers(self.endpoint):
            self._check(work, wrapped)
        return wrapped(*args, **kwargs)

    def around(self, handler: Any) -> Any:
        """The handler behind this guard; of a class, the class itself with its way in guarded."""
        from outworx_otel.setup.guarded import Guarded, GuardedAsync

        if isinstance(handler, type) and not isinstance(handler, Guarded):
            self._guard_class(handler)
            return handler
        if type(handler) in (Guarded, GuardedAsync):
            # Marked twice: the outer mark counts.
            handler = handler.__wrapped__
        is_object = not inspect.isroutine(handler) and not isinstance(handler, functools.partial)
        is_async = is_object and inspect.iscoroutinefunction(type(handler).__call__)
        kind = GuardedAsync if is_async else Guarded
        return kind(handler, self)

    def _guard_class(self, view: type[Any]) -> None:
        from outworx_otel.setup.guarded import Guarded

        defined = [name for name in _ENTRIES if _is_defined(view, name)][:1]
        defined = defined or [name for name in _METHODS if _is_defined(view, name)]
        if not defined:
            raise ConfigurationError(
                f"{view!r} has no method that @webhook could guard; put the decorator on the function that is called"
            )
        marks = (getattr(getattr(view, name, None), MARK, None) for name in (*_ENTRIES, *_METHODS))
        self._own = tuple(mark for mark in marks if isinstance(mark, Endpoint))
        for name in defined:
            method = inspect.getattr_static(view, name)
            if type(method) is Guarded and method._self_whole_class:
                method = method.__wrapped__
            setattr(view, name, Guarded(method, self, whole_class=True))

    def _check(self, work: Any, wrapped: Any) -> None:
        """Raises `UnverifiedDelivery`, unless the call is trusted or nobody is to be refused."""
        if work is not None and any(work.covers(endpoint) for endpoint in self._own):
            return
        if is_trusted():
            return
        if enforcement.reports_only():
            enforcement.say_let_in()
            return
        why = "outside a delivery, so nothing has verified this request"
        if work is not None:
            why = "inside a delivery that was verified for another endpoint"
        name = getattr(wrapped, "__qualname__", type(wrapped).__qualname__)
        said = (
            f"{getattr(wrapped, '__module__', '?')}.{name} is marked with "
            f"@webhook({self.endpoint.options.provider!r}) and was called {why}. It did not run"
        )
        if not self._refused:
            self._refused = True
            logger.error("outworx: %s: %s", said, _DO)
        if work is not None:
            work.refuse()
        refusal = UnverifiedDelivery(f"{said}: {_DO}")
        refusal.endpoint = self.endpoint
        raise refusal


def _is_defined(view: type[Any], name: str) -> bool:
    return any(name in vars(base) for base in view.__mro__ if base is not object)


_any = False


def any_guarded() -> bool:
    """Whether any handler of this process refuses to run outside a delivery."""
    return _any


def is_to_be_guarded(endpoint: Endpoint) -> bool:
    """Whether an unverified call is to be refused."""
    return endpoint.verifies and endpoint.options.reject_invalid_signatures
