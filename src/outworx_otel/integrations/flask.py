"""Flask: `Flask.dispatch_request` is wrapped, after `before_request` and inside `after_request`.

By hand, for one view: `@with_webhook_monitoring(TrackOptions(...))` below `@app.route`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection
from typing import Any, Final, TypeVar

import flask
from flask import current_app, has_request_context, request
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.integrations._flask import UNDER_WAY, called_path, deliver, template
from outworx_otel.integrations._gate import has_own_say, select
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.setup.bootstrap import prepare
from outworx_otel.setup.endpoints import Endpoint, passes
from outworx_otel.setup.marking import mark
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.runtime import current

View = TypeVar("View", bound=Callable[..., Any])


class FlaskInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to Flask views.

    `FlaskInstrumentor().instrument()` acts on every application, `FlaskInstrumentor.instrument_app(app)` on one.
    Both take `tracer_provider`, `meter_provider` and `endpoints`, as `outworx_otel.instrument` does.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("flask >= 2.3",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(**kwargs)
        _REACH.open("flask")
        _DISPATCH.apply()

    def _uninstrument(self, **kwargs: Any) -> None:
        if _REACH.close("flask"):
            _DISPATCH.remove()

    @staticmethod
    def instrument_app(app: flask.Flask, **kwargs: Any) -> None:
        """Acts on one application; arguments as for `instrument`."""
        prepare(strict=True, **kwargs)
        _REACH.add(app)
        _DISPATCH.apply()

    @staticmethod
    def uninstrument_app(app: flask.Flask) -> None:
        """Leaves one application alone again."""
        _REACH.remove(app)


def with_webhook_monitoring(options: TrackOptions) -> Callable[[View], View]:
    """Monitors one view, with or without the instrumentor: `@with_webhook_monitoring(...)` below `@app.route(...)`.

    Args:
        options: what is wanted for this view.

    Raises:
        ConfigurationError: the options cannot be used.
    """
    endpoint = Endpoint(options, "decorator", known_secrets=lambda: current().known_secrets())

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def monitored(*args: Any, **kwargs: Any) -> Any:
            called = functools.partial(current_app.ensure_sync(view), *args, **kwargs)
            native = _request()
            if native is None or not _concerns(endpoint, native):
                return called()
            return deliver(endpoint, called, native, _app())

        mark(monitored, endpoint)
        return monitored  # type: ignore[return-value]  # the same signature

    return decorate


def _request() -> flask.Request | None:
    """The request itself: each look through the proxy costs twenty at the object."""
    return request._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]  # of the proxy


def _app() -> flask.Flask:
    app: flask.Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # of the proxy
    return app


def _concerns(endpoint: Endpoint, native: flask.Request) -> bool:
    """Whether the request at hand is a delivery to a view that is monitored by hand."""
    path, environ = called_path(native), native.environ
    outer = environ.get(UNDER_WAY)
    if outer is not None and not has_own_say(endpoint, outer):
        return False
    chosen = select(
        current(), None, native.method, path, native.path, environ, template, native, mounted=endpoint
    )
    return chosen is not None


def _gate(wrapped: Callable[..., Any], app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs `dispatch_request` inside a delivery, where the request is one."""
    native = _request()
    if (
        native is None
        or passes(native.method, native.environ)
        or native.routing_exception is not None
        or not _REACH.covers(app)
    ):
        return wrapped(*args, **kwargs)
    rule, environ = native.url_rule, native.environ
    if rule is None:
        return wrapped(*args, **kwargs)
    handler = app.view_functions.get(rule.endpoint)
    endpoint = select(
        current(), handler, native.method, called_path(native), native.path, environ, template, native
    )
    outer = environ.get(UNDER_WAY)
    if endpoint is None or (outer is not None and not has_own_say(endpoint, outer)):
        return wrapped(*args, **kwargs)
    return deliver(endpoint, functools.partial(wrapped, *args, **kwargs), native, app)


_REACH: Final = Reach()
_DISPATCH: Final = Patch(flask.Flask, "dispatch_request", _gate)
