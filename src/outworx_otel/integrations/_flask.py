"""One delivery in Flask: opened by a request, settled by what its view returned or raised."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final
from urllib.parse import quote, unquote

import flask
from flask import g
from opentelemetry import context as otel_context
from opentelemetry import trace
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge

from outworx_otel.delivery import BodyProblem, Delivery, InboundRequest, OutboundResponse, Respond
from outworx_otel.delivery.flow import run_sync
from outworx_otel.http.headers import Headers, from_environ
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import current

UNDER_WAY: Final = "outworx_otel.delivery"
_HINTS: Final = {
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
    "unreadable": "Something read the body before the view (a before_request function that used request.form?).",
}


def called_path(native: flask.Request) -> str:
    """As the provider called it, also where the application is mounted."""
    script = native.environ.get("SCRIPT_NAME")
    return script + native.path if script else native.path


def called_url(native: flask.Request) -> str:
    """The URL as it was called, to the letter: Werkzeug's own decodes what was escaped (`%2F`, `%C3%A9`)."""
    path = called_path(native)
    # gunicorn and uWSGI keep what stood in the request's first line.
    raw = (native.environ.get("RAW_URI") or native.environ.get("REQUEST_URI") or "").partition("?")[0]
    path = raw if unquote(raw) == path else quote(path, safe="/!$&'()*+,:;=@~")
    query = native.query_string.decode("latin-1")
    return f"{native.scheme}://{native.host}{path}{'?' + query if query else ''}"


def template(native: flask.Request) -> str | None:
    """The route's template."""
    return None if native.url_rule is None else native.url_rule.rule


def deliver(endpoint: Endpoint, view: Callable[[], Any], native: flask.Request, app: flask.Flask) -> Any:
    """Runs a view inside a delivery."""
    start_ns = time.time_ns()
    body, problem = _read_body(endpoint, native) if endpoint.admits_by_body else (None, None)
    delivery = Delivery(
        endpoint,
        InboundRequest(
            method=native.method,
            path=called_path(native),
            route=template(native),
            headers=from_environ(native.environ),
            body=body,
            body_size=native.content_length,
            url=lambda: called_url(native),
            native=lambda: native,
            body_problem=problem,
            problem_hint=None if problem is None else _HINTS[problem],
            json_answers=True,
            handler=app.view_functions.get(native.endpoint or ""),
        ),
        current(),
        start_ns,
    )
    native.environ[UNDER_WAY] = delivery
    decision = run_sync(delivery.admit())
    if isinstance(decision, Respond):
        delivery.finish()
        return _answer(app, decision)
    g.outworx_track = delivery.track
    forget = set_under_way(delivery)
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
