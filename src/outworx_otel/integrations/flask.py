"""Flask: the front door is `Flask.__call__`, the seam is `Flask.dispatch_request`, inside `after_request`.

By hand, for one view: `@with_webhook_monitoring(TrackOptions(...))` below `@app.route`.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

import flask
from flask import current_app, has_request_context, request
from werkzeug.exceptions import MethodNotAllowed

from outworx_otel.delivery.flow import run_sync
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.integrations._adapter import Found, LetBy, let_by, refusal_of, serve
from outworx_otel.integrations._door import concerned, guessed, is_opened, is_silent
from outworx_otel.integrations._flask import FlaskAdapter, routing, template
from outworx_otel.integrations._instrumentor import ApplicationInstrumentor
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations._selection import choose, greeted, has_own_say, other_urls
from outworx_otel.integrations._visit import PASSED, VISIT, Visit
from outworx_otel.integrations._wsgi import Door, Environ, StartResponse, called_path, path_of, visit_of
from outworx_otel.setup.admission import set_under_way, under_way
from outworx_otel.setup.bootstrap import ensure_ready, say_mounted
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.marking import mark
from outworx_otel.setup.options import DEFAULT_METHODS, TrackOptions
from outworx_otel.setup.runtime import Runtime, current

View = TypeVar("View", bound=Callable[..., Any])


class _FlaskDoor(Door):
    """The door of a Flask application."""

    def __init__(self, app: flask.Flask, *args: Any) -> None:
        self._app = app
        self._parameters: dict[str, Any] | None = None
        super().__init__(*args)

    def native(self) -> flask.Request:
        """Flask's request, before Flask has made one."""
        native = self._app.request_class(self.environ)
        native.view_args = self._parameters
        return native

    def know_parameters(self, parameters: dict[str, Any]) -> None:
        """`request.view_args`, before the URL map has been asked."""
        self._parameters = parameters

    def lookup(self) -> Found | None:
        """What the URL map says."""
        return routing(self._app, self.native())

    def templates(self) -> Iterable[str]:
        """Every rule."""
        return (rule.rule for rule in self._app.url_map.iter_rules())


def _door(
    wrapped: Callable[..., Iterable[bytes]], app: flask.Flask, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Iterable[bytes]:
    """Every request of every application passes here."""
    environ, start_response = args if len(args) == 2 else _arguments(*args, **kwargs)
    asked = environ.get("PATH_INFO"), environ.get("SCRIPT_NAME"), environ["REQUEST_METHOD"]
    if environ.get(PASSED) == asked or VISIT in environ or not REACH.covers(app):
        # `__call__` leads to `wsgi_app`: once is enough, unless middleware between has made another request of it.
        return wrapped(environ, start_response)
    runtime = current()
    concern = _concern(runtime, environ)
    if concern is None:
        environ[PASSED] = asked
        return wrapped(environ, start_response)
    if visit_of(environ) is not None:
        return wrapped(environ, start_response)
    return _FlaskDoor(app, *concern, environ, start_response, runtime).run(wrapped)


def _concern(runtime: Runtime, environ: Environ) -> tuple[Endpoint, bool] | None:
    method, path = environ["REQUEST_METHOD"], path_of(environ)
    if environ.get("SCRIPT_NAME"):
        within, path = path, called_path(environ)
        endpoint = runtime.at_path(path, within)
    else:
        endpoint = runtime.find_path(path)
    if endpoint is not None:
        return concerned(runtime, method.upper(), path, endpoint)
    if method in DEFAULT_METHODS and runtime.detect:
        provider = runtime.detect_environ(method, environ)
        if provider is not None:
            return guessed(runtime, path, provider)
    return None


def _arguments(environ: Environ, start_response: StartResponse) -> tuple[Environ, StartResponse]:
    return environ, start_response


def with_webhook_monitoring(options: TrackOptions) -> Callable[[View], View]:
    """Monitors one view, with or without the instrumentor: `@with_webhook_monitoring(...)` below `@app.route(...)`.

    Args:
        options: what is wanted for this view.

    Raises:
        ConfigurationError: the options cannot be used.
    """
    ensure_ready()
    endpoint = Endpoint(options, "decorator", known_secrets=lambda: current().known_secrets())

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def monitored(*args: Any, **kwargs: Any) -> Any:
            native = _request()
            if native is None:
                return (
                    current_app.ensure_sync(view)(*args, **kwargs)
                    if flask.has_app_context()
                    else view(*args, **kwargs)
                )
            called = functools.partial(current_app.ensure_sync(view), *args, **kwargs)
            return _by_hand(endpoint, native, called)

        mark(monitored, endpoint)
        say_mounted("with_webhook_monitoring", {f"in {getattr(view, '__name__', view)}": endpoint})
        return monitored  # type: ignore[return-value]  # the same signature

    return decorate


def _by_hand(endpoint: Endpoint, native: flask.Request, called: Callable[[], Any]) -> Any:
    runtime, visit, path = current(), visit_of(native.environ), called_path(native.environ)
    within, method = path_of(native.environ), native.method
    below = runtime.at_path(path, within)
    if below is not None and below is not endpoint:
        endpoint = runtime.standing(endpoint, below, path)
    if (
        not endpoint.concerns(path, within)
        or not endpoint.may_listen_to(method)
        or is_opened(path, endpoint, runtime)
    ):
        return run_sync(let_by(endpoint, called))
    if (
        visit is not None
        and visit.taken
        and (visit.delivery.endpoint is endpoint or not has_own_say(endpoint, visit))
    ):
        return called()
    return _run(endpoint, native, _app(), runtime, visit, called)


def _request() -> flask.Request | None:
    """The request itself: each look through the proxy costs twenty at the object."""
    return request._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]  # of the proxy


def _app() -> flask.Flask:
    app: flask.Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # of the proxy
    return app


def _gate(wrapped: Callable[..., Any], app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs `dispatch_request` inside a delivery, where the request is one."""
    native = _request()
    rule = None if native is None or native.routing_exception is not None else native.url_rule
    if native is None or not REACH.covers(app):
        return wrapped(*args, **kwargs)
    if rule is None:
        return _not_served(app, native, functools.partial(wrapped, *args, **kwargs))
    runtime, environ = current(), native.environ
    handler, passed = app.view_functions.get(rule.endpoint), environ.get(PASSED)
    try:
        if passed is not None and passed[0] is environ.get("PATH_INFO") and handler in runtime.plain:
            return wrapped(*args, **kwargs)
        return _serve(app, native, runtime, handler, functools.partial(wrapped, *args, **kwargs))
    except UnverifiedDelivery as error:
        adapter = FlaskAdapter(app, native, environ.get(VISIT))
        return run_sync(adapter.answer(refusal_of(error, adapter, runtime, time.time_ns())))


def _not_served(app: flask.Flask, native: flask.Request, called: Callable[[], Any]) -> Any:
    """Flask's own 404 or 405, unless it is a handshake with a method that its endpoint's view is not served with."""
    if not isinstance(native.routing_exception, MethodNotAllowed) or VISIT in native.environ:
        return called()
    found = routing(app, native, native.path)
    own = None if found is None else greeted(found.handler, native.method)
    if found is None or own is None:
        return called()
    adapter, runtime = FlaskAdapter(app, native, None), current()
    silent = is_silent(called_path(native.environ), runtime)
    return run_sync(serve(adapter, None, own, runtime, adapter.start_ns, found, called, silent=silent))


def _serve(
    app: flask.Flask, native: flask.Request, runtime: Runtime, handler: Any, called: Callable[[], Any]
) -> Any:
    visit = native.environ.get(VISIT)
    chosen = _choose(runtime, visit, app, handler, native)
    if chosen is None:
        return called()
    if isinstance(chosen, LetBy):
        return run_sync(let_by(chosen.endpoint, called))
    if visit is not None and visit.taken and not has_own_say(chosen, visit):
        flask.g.outworx_track = visit.delivery.track
        return called()
    return _run(chosen, native, app, runtime, visit, called)


def _choose(
    runtime: Runtime, visit: Visit | None, app: flask.Flask, handler: Any, native: flask.Request
) -> Endpoint | LetBy | None:
    environ = native.environ

    def elsewhere() -> Endpoint | None:
        parameters = native.view_args or {}
        return other_urls(runtime).find(app, handler, parameters, lambda path: routing(app, native, path))

    return choose(
        runtime,
        visit,
        handler,
        native.method,
        called_path(environ),
        native.path,
        template,
        native,
        elsewhere=elsewhere if runtime.endpoints else None,
    )


def _run(
    endpoint: Endpoint,
    native: flask.Request,
    app: flask.Flask,
    runtime: Runtime,
    visit: Visit | None,
    called: Callable[[], Any],
) -> Any:
    adapter = FlaskAdapter(app, native, visit)
    found = Found(template(native), app.view_functions.get(native.endpoint or ""), native.view_args or {})

    def call() -> flask.Response:
        return app.make_response(called())

    silent = visit is None and is_silent(called_path(native.environ), runtime)
    flow = serve(adapter, visit, endpoint, runtime, adapter.start_ns, found, call, silent=silent)
    return run_sync(flow)


def _copied(wrapped: Callable[..., Any], context: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`copy_current_request_context` keeps the handle: `flask.g` is a new one there."""
    copy = wrapped(*args, **kwargs)
    work, track = under_way(), flask.g.get("outworx_track")
    if track is None:
        return copy
    push, pop = copy.push, copy.pop
    undo: list[Callable[[], object]] = []

    def pushing(*args: Any, **kwargs: Any) -> Any:
        pushed = push(*args, **kwargs)
        flask.g.outworx_track = track
        undo.append(set_under_way(work))
        return pushed

    def popping(*args: Any, **kwargs: Any) -> Any:
        if undo:
            undo.pop()()
        return pop(*args, **kwargs)

    copy.push, copy.pop = pushing, popping
    return copy


REACH: Final = Reach()
PATCHES: Final = [
    Patch(flask.Flask, "__call__", _door),
    Patch(flask.Flask, "wsgi_app", _door),
    Patch(flask.Flask, "dispatch_request", _gate),
]
_CONTEXT: Final = vars(flask.ctx).get("RequestContext") or flask.ctx.AppContext
if "copy" in vars(_CONTEXT):
    PATCHES.append(Patch(_CONTEXT, "copy", _copied))


class FlaskInstrumentor(ApplicationInstrumentor):
    """One webhook span per delivery to Flask views."""

    framework, application = "flask", flask.Flask
    reach, patches = REACH, PATCHES


__all__ = ["FlaskInstrumentor", "with_webhook_monitoring"]
