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
from werkzeug.exceptions import HTTPException

from outworx_otel.bootstrap import prepare
from outworx_otel.delivery import BodyProblem, Delivery, InboundRequest, OutboundResponse, Respond
from outworx_otel.endpoints import Endpoint, current, mark
from outworx_otel.flow import run_sync
from outworx_otel.headers import Headers, from_environ
from outworx_otel.integrations._gate import select
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.options import TrackOptions
from outworx_otel.track import set_current

View = TypeVar("View", bound=Callable[..., Any])

_UNDER_WAY: Final = "outworx_otel.delivery"
_HINTS: Final = {
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
    "unreadable": "Something read the body before the view (a before_request function that used request.form?).",
}


class FlaskInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to Flask views."""

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
    """Monitors one view, with or without the instrumentor.

    Args:
        options: what is wanted for this view.

    Raises:
        ConfigurationError: the options cannot be used.
    """
    endpoint = Endpoint(options, "decorator", known_secrets=lambda: current().known_secrets())

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def monitored(*args: Any, **kwargs: Any) -> Any:
            if (
                not has_request_context()
                or _UNDER_WAY in request.environ
                or request.method not in endpoint.methods
            ):
                return current_app.ensure_sync(view)(*args, **kwargs)
            return _deliver(endpoint, lambda: current_app.ensure_sync(view)(*args, **kwargs))

        mark(monitored, endpoint)
        return monitored  # type: ignore[return-value]  # the same signature

    return decorate


def _gate(wrapped: Callable[..., Any], app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Runs `dispatch_request` inside a delivery, where the request is one."""
    rule = request.url_rule
    if request.routing_exception is not None or rule is None or not _REACH.covers(app):
        return wrapped(*args, **kwargs)
    environ = request.environ
    endpoint = select(
        current(),
        app.view_functions.get(rule.endpoint),
        environ["REQUEST_METHOD"],
        environ.get("SCRIPT_NAME", "") + request.path,
        lambda: rule.rule,
        environ,
    )
    if endpoint is None or _UNDER_WAY in environ:
        return wrapped(*args, **kwargs)
    return _deliver(endpoint, lambda: wrapped(*args, **kwargs))


def _deliver(endpoint: Endpoint, view: Callable[[], Any]) -> Any:
    start_ns = time.time_ns()
    body, problem = _read_body(endpoint) if endpoint.admits_by_body else (None, None)
    native = request._get_current_object()  # type: ignore[attr-defined]  # of the proxy, typed as a request
    delivery = Delivery(
        endpoint,
        InboundRequest(
            method=request.method,
            path=request.environ.get("SCRIPT_NAME", "") + request.path,
            route=None if request.url_rule is None else request.url_rule.rule,
            headers=from_environ(request.environ),
            body=body,
            body_size=request.content_length,
            url=lambda: native.url,
            native=lambda: native,
            body_problem=problem,
            problem_hint=None if problem is None else _HINTS[problem],
            json_answers=True,
        ),
        current(),
        start_ns,
    )
    request.environ[_UNDER_WAY] = delivery
    decision = run_sync(delivery.admit())
    if isinstance(decision, Respond):
        delivery.finish()
        return current_app.response_class(decision.body, decision.status, list(decision.headers))
    g.outworx_track = delivery.track
    forget = set_current(delivery.track)
    token = (
        otel_context.attach(trace.set_span_in_context(delivery.record.span)) if delivery.record.span else None
    )
    try:
        response = current_app.make_response(view())
    except BaseException as error:
        _see_body(delivery)
        run_sync(
            delivery.settle(error, status_of_error=error.code if isinstance(error, HTTPException) else None)
        )
        delivery.finish()
        raise
    finally:
        if token is not None:
            otel_context.detach(token)
        forget()
    _see_body(delivery)
    _end(delivery, response)
    return response


def _read_body(endpoint: Endpoint) -> tuple[bytes | None, BodyProblem | None]:
    """The exact bytes, with the stream handed back as if nobody had read it."""
    limit = endpoint.options.max_body_size
    announced = request.content_length
    if announced is not None and announced > limit:
        return None, "too_large"
    if "stream" in request.__dict__ or "form" in request.__dict__:
        # A before_request function was here first: Werkzeug has kept the bytes, unless it parsed them away.
        body = request.get_data(cache=True, parse_form_data=False)
        return (None, "unreadable") if announced and len(body) != announced else (body, None)
    body = request.stream.read(limit + 1)
    environ = request.environ
    if len(body) > limit:
        environ["wsgi.input"] = _Rejoined(body, request.stream)
    else:
        environ["wsgi.input"] = io.BytesIO(body)
    del request.__dict__["stream"]
    if len(body) > limit:
        return None, "too_large"
    return (None, "incomplete") if announced is not None and len(body) != announced else (body, None)


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


def _see_body(delivery: Delivery) -> None:
    """Reads the event out of what the view itself has read and Werkzeug has kept."""
    kept = getattr(request, "_cached_data", None)
    if isinstance(kept, bytes):
        delivery.body_was_read(kept)


def _end(delivery: Delivery, response: flask.Response) -> None:
    if not response.is_streamed:
        body = response.get_data() if not response.direct_passthrough else None
        _settle(delivery, OutboundResponse(response.status_code, Headers(response.headers), body))
        return
    answer = OutboundResponse(response.status_code, Headers(response.headers), None)
    if not response.direct_passthrough:
        response.response = _Streamed(response.response, delivery)
    response.call_on_close(lambda: _settle(delivery, answer))


def _settle(delivery: Delivery, outcome: OutboundResponse | BaseException) -> None:
    run_sync(delivery.settle(outcome))
    delivery.finish()


class _Streamed:
    """A streaming answer that tells its delivery when it broke off."""

    def __init__(self, parts: Iterable[Any], delivery: Delivery) -> None:
        self._parts = parts
        self._delivery = delivery

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._parts
        except Exception as error:
            _settle(self._delivery, error)
            raise

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()


_REACH: Final = Reach()
_DISPATCH: Final = Patch(flask.Flask, "dispatch_request", _gate)
