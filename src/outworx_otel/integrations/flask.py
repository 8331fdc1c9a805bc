"""Flask: `Flask.dispatch_request` is wrapped, after `before_request` and inside `after_request`.

By hand, for one view: `@with_webhook_monitoring(TrackOptions(...))` below `@app.route`.
"""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Final, TypeVar

import flask
from flask import current_app, g, has_request_context, request
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from outworx_otel.bootstrap import prepare
from outworx_otel.delivery import BodyProblem, Delivery, InboundRequest, OutboundResponse, Respond
from outworx_otel.endpoints import Endpoint, passes
from outworx_otel.flow import run_sync
from outworx_otel.headers import Headers, from_environ
from outworx_otel.integrations._gate import has_own_say, select
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.marking import mark
from outworx_otel.options import TrackOptions
from outworx_otel.runtime import current
from outworx_otel.track import set_current

View = TypeVar("View", bound=Callable[..., Any])

_UNDER_WAY: Final = "outworx_otel.delivery"
_HINTS: Final = {
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
    "unreadable": "Something read the body before the view (a before_request function that used request.form?).",
}


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
            return _deliver(endpoint, called, native, _app())

        mark(monitored, endpoint)
        return monitored  # type: ignore[return-value]  # the same signature

    return decorate


def _request() -> flask.Request | None:
    """The request itself: each look through the proxy costs twenty at the object."""
    return request._get_current_object() if has_request_context() else None  # type: ignore[attr-defined]  # of the proxy


def _app() -> flask.Flask:
    app: flask.Flask = current_app._get_current_object()  # type: ignore[attr-defined]  # of the proxy
    return app


def _path(native: flask.Request) -> str:
    """As the provider called it, also where the application is mounted."""
    script = native.environ.get("SCRIPT_NAME")
    return script + native.path if script else native.path


def _rule(native: flask.Request) -> str | None:
    return None if native.url_rule is None else native.url_rule.rule


def _concerns(endpoint: Endpoint, native: flask.Request) -> bool:
    """Whether the request at hand is a delivery to a view that is monitored by hand."""
    path, environ = _path(native), native.environ
    outer = environ.get(_UNDER_WAY)
    if outer is not None and not has_own_say(endpoint, outer):
        return False
    chosen = select(
        current(), None, native.method, path, native.path, environ, _rule, native, mounted=endpoint
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
    endpoint = select(current(), handler, native.method, _path(native), native.path, environ, _rule, native)
    outer = environ.get(_UNDER_WAY)
    if endpoint is None or (outer is not None and not has_own_say(endpoint, outer)):
        return wrapped(*args, **kwargs)
    return _deliver(endpoint, functools.partial(wrapped, *args, **kwargs), native, app)


def _deliver(endpoint: Endpoint, view: Callable[[], Any], native: flask.Request, app: flask.Flask) -> Any:
    start_ns = time.time_ns()
    body, problem = _read_body(endpoint, native) if endpoint.admits_by_body else (None, None)
    delivery = Delivery(
        endpoint,
        InboundRequest(
            method=native.method,
            path=_path(native),
            route=_rule(native),
            headers=from_environ(native.environ),
            body=body,
            body_size=native.content_length,
            url=lambda: native.url,
            native=lambda: native,
            body_problem=problem,
            problem_hint=None if problem is None else _HINTS[problem],
            json_answers=True,
            handler=app.view_functions.get(native.endpoint or ""),
        ),
        current(),
        start_ns,
    )
    native.environ[_UNDER_WAY] = delivery
    decision = run_sync(delivery.admit())
    if isinstance(decision, Respond):
        delivery.finish()
        return _answer(app, decision)
    g.outworx_track = delivery.track
    forget = set_current(delivery.track)
    span = delivery.record.span
    token = otel_context.attach(trace.set_span_in_context(span)) if span is not None else None
    try:
        response = app.make_response(view())
    except BaseException as error:
        _see_body(delivery, native)
        run_sync(delivery.settle(error, status_of_error=_status_of(error)))
        delivery.finish()
        raise
    finally:
        if token is not None:
            otel_context.detach(token)
        forget()
    if body is None:
        _see_body(delivery, native)
    _end(delivery, response)
    return response


def _answer(app: flask.Flask, answer: Respond) -> flask.Response:
    response = app.response_class(answer.body, answer.status, list(answer.headers))
    if all(name != "content-type" for name, _ in answer.headers):
        # A replayed 204 had none, and is not to get Flask's default.
        del response.headers["content-type"]
    return response


def _status_of(error: BaseException) -> int | None:
    """The status that Flask answers this exception with; None where it is an error."""
    if not isinstance(error, HTTPException):
        return None
    # `abort(response)` has the whole answer, and no code.
    return getattr(error.response, "status_code", None) if error.code is None else error.code


def _read_body(endpoint: Endpoint, native: flask.Request) -> tuple[bytes | None, BodyProblem | None]:
    """The exact bytes, with the stream handed back as if nobody had read it."""
    limit = endpoint.options.max_body_size
    announced = native.content_length
    if announced is not None and announced > limit:
        return None, "too_large"
    environ, cached = native.environ, native.__dict__
    if "stream" in cached or "form" in cached:
        # A before_request function was here first: Werkzeug has kept the bytes, unless it parsed them away.
        body = native.get_data(cache=True, parse_form_data=False)
        parsed_away = not body and "HTTP_TRANSFER_ENCODING" in environ
        return (None, "unreadable") if parsed_away or (announced and len(body) != announced) else (body, None)
    try:
        if announced is not None:
            # Werkzeug keeps it, so that the view's own reading costs nothing.
            body = native.get_data(cache=True, parse_form_data=False)
        else:
            body = _read_up_to(native.stream, limit + 1)
    except RequestEntityTooLarge:
        return None, "too_large"
    except (ClientDisconnected, OSError):
        return None, "incomplete"
    if len(body) > limit:
        environ["wsgi.input"] = _Rejoined(body, native.stream)
    else:
        environ["wsgi.input"] = io.BytesIO(body)
    cached.pop("stream", None)
    if len(body) > limit:
        return None, "too_large"
    return (None, "incomplete") if announced is not None and len(body) != announced else (body, None)


def _read_up_to(stream: Any, limit: int) -> bytes:
    """At most `limit` bytes; fewer where the body ends before."""
    parts = []
    while limit > 0:
        part = stream.read(limit)
        if not part:
            break
        parts.append(part)
        limit -= len(part)
    return b"".join(parts)


class _Rejoined(io.RawIOBase):
    """A stream whose beginning was read, and is put back in front of the rest."""

    def __init__(self, beginning: bytes, rest: Any) -> None:
        self._beginning = io.BytesIO(beginning)
        self._rest = rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        part = self._beginning.read(len(buffer)) or self._rest.read(len(buffer))
        buffer[: len(part)] = part
        return len(part)


def _see_body(delivery: Delivery, native: flask.Request) -> None:
    """Reads the event out of what the view itself has read and Werkzeug has kept."""
    kept = getattr(native, "_cached_data", None)
    if isinstance(kept, bytes):
        delivery.body_was_read(kept)


def _end(delivery: Delivery, response: flask.Response) -> None:
    if not response.is_streamed:
        keeps = delivery.endpoint.keeps_answer and not response.direct_passthrough
        body = response.get_data() if keeps else None
        _settle(delivery, OutboundResponse(response.status_code, Headers(response.headers), body))
        return
    answer = OutboundResponse(response.status_code, Headers(response.headers), None)
    if response.direct_passthrough:
        # Werkzeug gives the file to the server as it is: nobody hears when it has been sent.
        _settle(delivery, answer)
    else:
        response.response = _Streamed(response.response, delivery, answer)
        response.call_on_close(lambda: _settle(delivery, answer))


def _settle(delivery: Delivery, outcome: OutboundResponse | BaseException) -> None:
    run_sync(delivery.settle(outcome))
    delivery.finish()


class _Streamed:
    """A streaming answer that tells its delivery when it is complete, or broke off."""

    def __init__(self, parts: Iterable[Any], delivery: Delivery, answer: OutboundResponse) -> None:
        self._parts = parts
        self._delivery = delivery
        self._answer = answer

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._parts
        except Exception as error:
            _settle(self._delivery, error)
            raise
        # Before the server says that this was the last part: whoever has it all finds the key committed.
        _settle(self._delivery, self._answer)

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


_REACH: Final = Reach()
_DISPATCH: Final = Patch(flask.Flask, "dispatch_request", _gate)
