"""The seam in Flask: a view inside a delivery, settled by what it returned or raised."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from typing import Any

import flask
from flask import g
from werkzeug.exceptions import ClientDisconnected, HTTPException, RequestEntityTooLarge
from werkzeug.routing import RequestRedirect

from outworx_otel.delivery import Delivery, OutboundResponse, Respond
from outworx_otel.delivery.flow import Flow, run_sync
from outworx_otel.delivery.track import TrackContext
from outworx_otel.http.headers import Headers
from outworx_otel.integrations._adapter import HINTS, Found, Reading, conclude
from outworx_otel.integrations._visit import Visit
from outworx_otel.integrations._wsgi import WSGIAdapter, is_finite, read_stream, urls_of


def template(native: flask.Request) -> str | None:
    """The route's template."""
    return None if native.url_rule is None else native.url_rule.rule


def routing(app: flask.Flask, request: flask.Request, path: str | None = None) -> Found | None:
    """What the application's URL map says of a request, or of another path; None for its own 404 and 405."""
    adapter = app.create_url_adapter(request)
    if adapter is None:
        return None
    try:
        rule, parameters = adapter.match(path, "POST" if path is not None else None, return_rule=True)
    except (HTTPException, RequestRedirect):
        return None
    return Found(rule.rule, app.view_functions.get(rule.endpoint), dict(parameters))


class FlaskAdapter(WSGIAdapter):
    """One request as Flask has it, where its view is about to run."""

    def __init__(self, app: flask.Flask, native: flask.Request, visit: Visit | None) -> None:
        super().__init__(native.environ)
        self._app = app
        self._native = native
        self._visit = visit

    def native(self) -> flask.Request:
        """Flask's request."""
        return self._native

    def url(self) -> str | tuple[str, ...]:
        """The URL as Flask knows it, behind whatever proxy middleware there is."""
        native = self._native
        return urls_of(native.environ, native.host, native.scheme)

    def read_body(self, limit: int) -> Flow[Reading]:
        """The exact bytes, with the stream handed back as if nobody had read it."""
        yield from ()
        visit = self._visit
        if visit is not None and visit.body is not None and visit.stream is self.environ.get("wsgi.input"):
            # Whatever read it before has read what the door has verified.
            return Reading(visit.body)
        return _read_body(self._native, limit)

    def expose(self, track: TrackContext) -> None:
        """`flask.g.outworx_track`."""
        g.outworx_track = track

    def answer(self, answer: Respond) -> Flow[Any]:
        """A response of the application's class."""
        yield from ()
        response = self._app.response_class(answer.body, answer.status, list(answer.headers))
        if all(name != "content-type" for name, _ in answer.headers):
            # A replayed 204 had none, and is not to get Flask's default.
            del response.headers["content-type"]
        return response

    def status_of(self, error: BaseException) -> int | None:
        """The status that Flask answers an HTTPException with."""
        if not isinstance(error, HTTPException):
            return None
        # `abort(response)` has the whole answer, and no code.
        return getattr(error.response, "status_code", None) if error.code is None else error.code

    def body_read(self) -> bytes | None:
        """What the view has read and Werkzeug has kept."""
        kept = getattr(self._native, "_cached_data", None)
        return kept if isinstance(kept, bytes) else None

    def ended(self, delivery: Delivery, response: flask.Response) -> Flow[None]:
        """Settles a complete answer at once, and a streamed one at its end."""
        answer = OutboundResponse(response.status_code, Headers(response.headers), None)
        if not response.is_streamed:
            keeps = delivery.endpoint.keeps_answer and not response.direct_passthrough
            body = response.get_data() if keeps else None
            yield from conclude(delivery, OutboundResponse(answer.status, answer.headers, body))
        elif response.direct_passthrough:
            # Werkzeug gives the file to the server as it is: nobody hears when it has been sent.
            yield from conclude(delivery, answer)
        else:
            streamed = _Streamed(response.response, delivery, answer)
            response.response = streamed
            response.call_on_close(streamed.given_up)


def _read_body(native: flask.Request, limit: int) -> Reading:
    announced = native.content_length
    if announced is not None and announced > limit:
        return Reading(None, "too_large", HINTS["too_large"])
    environ, cached = native.environ, native.__dict__
    if "stream" in cached or "form" in cached:
        # A before_request function was here first: Werkzeug has kept the bytes, unless it parsed them away.
        body = native.get_data(cache=True, parse_form_data=False)
        parsed_away = not body and "HTTP_TRANSFER_ENCODING" in environ
        if parsed_away or (announced and len(body) != announced):
            return Reading(
                None,
                "unreadable",
                "Something read the body before the view (a before_request function that used request.form?).",
            )
        return Reading(body)
    if announced is None and not is_finite(environ, environ.get("wsgi.input")):
        return read_stream(environ, limit)
    try:
        if announced is not None:
            # Werkzeug keeps it, so that the view's own reading costs nothing.
            body = native.get_data(cache=True, parse_form_data=False)
        else:
            return read_stream(environ, limit)
    except RequestEntityTooLarge:
        return Reading(None, "too_large", HINTS["too_large"])
    except (ClientDisconnected, OSError):
        return Reading(None, "incomplete", HINTS["incomplete"])
    environ["wsgi.input"] = io.BytesIO(body)
    cached.pop("stream", None)
    if len(body) != announced:
        return Reading(None, "incomplete", HINTS["incomplete"])
    return Reading(body)


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
            run_sync(conclude(self._delivery, error))
            raise
        # Before the server says that this was the last part: whoever has it all finds the key committed.
        run_sync(conclude(self._delivery, self._answer))

    def given_up(self) -> None:
        """The server lets the answer go: if it was not sent to its end, the delivery was not handled."""
        answer = self._answer
        cut_off = OutboundResponse(answer.status, answer.headers, None, complete=False)
        run_sync(conclude(self._delivery, cut_off))

    def close(self) -> None:
        """Of what is streamed."""
        close = getattr(self._parts, "close", None)
        if close is not None:
            close()
