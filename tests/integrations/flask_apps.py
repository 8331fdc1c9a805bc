"""Flask applications, with `def` and `async def` views."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from typing import Any

import flask
from support.calls import PATH, Answer, Call, Handler, Reply, pairs
from werkzeug.datastructures import Headers
from werkzeug.exceptions import HTTPException, default_exceptions


def flask_response(reply: Reply) -> flask.Response:
    response = flask.Response(reply.body, reply.status, list(reply.headers), content_type=reply.content_type)
    if not reply.content_type:
        del response.headers["content-type"]
    return response


def flask_call(reads: bool = True) -> Call:
    body = flask.request.get_data() if reads else b""
    return Call(body, flask.g.get("outworx_track"), flask.request)


@dataclass
class UnderFlaskClient:
    """Flask's test client."""

    app: Any

    def post(
        self, body: bytes = b"", headers: Any = (), path: str = PATH, method: str = "POST", **others: Any
    ) -> Answer:
        # Of `data` that is empty the client would make a form where the content type says multipart.
        sent = {"data": body} if body else {"input_stream": io.BytesIO()}
        answer = self.app.test_client(use_cookies=False).open(
            path, method=method, headers=Headers(pairs(headers)), **sent, **others
        )
        given = Answer(answer.status_code, {k.lower(): v for k, v in answer.headers}, answer.data)
        answer.close()
        return given


@dataclass(frozen=True)
class FlaskKind:
    """A Flask application."""

    name: str
    asynchronous: bool = False
    json_answers: bool = True

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **config: Any
    ) -> UnderFlaskClient:
        app = flask.Flask("shop")
        app.config.update(PROPAGATE_EXCEPTIONS=raises, **config)

        def view() -> flask.Response:
            return flask_response(handler(flask_call(reads)) or Reply())

        async def async_view() -> flask.Response:
            await asyncio.sleep(0)
            return view()

        chosen = async_view if self.asynchronous else view
        app.add_url_rule(path, "view", chosen, methods=["POST", "GET", "PUT"])
        return UnderFlaskClient(app)

    def refusal(self, status: int) -> HTTPException:
        return default_exceptions[status]()
