"""Requests as servers hand them on, without a server: ASGI and WSGI, with and without an announced length."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import Iterator, Mapping
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.test import override_settings
from integrations.django_apps import _Urls
from opentelemetry import trace
from support.calls import PATH, Answer, HeaderList

from outworx_otel import current_track

from .site import Send

Message = dict[str, Any]


def over_asgi(app: Any, method: str = "POST", path: str = PATH, *, length: bool = True, **scope: Any) -> Send:
    """Sends by ASGI messages.

    Args:
        app: the application.
        method: to the letter.
        path: decoded, as a server puts it into the scope.
        length: False where the server has none to announce: HTTP/2, or a function as a service.
        **scope: other entries of the scope.
    """

    def send(body: bytes, headers: Mapping[str, str]) -> Answer:
        given = {"host": "testserver", **headers}
        if length:
            given["content-length"] = str(len(body))
        version = "1.1" if length else "2"
        return asgi_request(app, method, path, list(given.items()), body, http_version=version, **scope)

    return send


def asgi_request(
    app: Any, method: str, path: str, headers: HeaderList, body: bytes, *, step: int = 65_536, **scope: Any
) -> Answer:
    """Sends one request to the letter, its body in messages of `step` bytes."""
    whole = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers],
        "client": ("127.0.0.1", 5),
        "server": ("testserver", 80),
        "state": {},
        **scope,
    }
    return asyncio.run(_converse(app, whole, body, step))


async def _converse(app: Any, scope: Message, body: bytes, step: int) -> Answer:
    starts = range(0, len(body), step) if body else range(1)
    messages: list[Message] = [
        {"type": "http.request", "body": body[at : at + step], "more_body": at + step < len(body)}
        for at in starts
    ]
    sent: list[Message] = []
    answered = asyncio.Event()

    async def receive() -> Message:
        if messages:
            return messages.pop(0)
        # A client waits for its answer before it goes.
        await answered.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)
        if message["type"] == "http.response.body" and not message.get("more_body"):
            answered.set()

    before = trace.get_current_span()
    try:
        await asyncio.wait_for(app(scope, receive, send), 20)
    except Exception as error:  # noqa: BLE001  # a server answers 500
        if not sent:
            return Answer(500, {}, repr(error).encode())
    # A server runs the connection's next request in the same context.
    assert nothing_stayed(before)
    (start,) = [message for message in sent if message["type"] == "http.response.start"]
    answer = {name.decode().lower(): value.decode("latin-1") for name, value in start.get("headers", ())}
    return Answer(start["status"], answer, b"".join(message.get("body", b"") for message in sent))


def over_wsgi(
    app: Any, method: str = "POST", path: str = PATH, *, length: bool = True, **environ: Any
) -> Send:
    """Sends by a WSGI environ; without a length the body is chunked, and the server says that it ends."""

    def send(body: bytes, headers: Mapping[str, str]) -> Answer:
        announced: dict[str, Any] = {"CONTENT_LENGTH": str(len(body))}
        if not length:
            announced = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        return wsgi_request(app, method, path, list(headers.items()), body, **announced, **environ)

    return send


def wsgi_request(
    app: Any, method: str, path: str, headers: HeaderList, body: bytes, **environ: Any
) -> Answer:
    """Sends one request to the letter; headers that repeat are joined, as servers do."""
    whole: dict[str, Any] = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": path.encode().decode("latin-1"),
        "QUERY_STRING": "",
        "SERVER_NAME": "testserver",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "testserver",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
    joined: dict[str, list[str]] = {}
    for name, value in headers:
        joined.setdefault(_variable(name), []).append(value)
    whole |= {name: ", ".join(values) for name, values in joined.items()} | environ
    started: list[tuple[str, list[tuple[str, str]]]] = []

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> Any:
        started.append((status, headers))
        return lambda data: None

    before = trace.get_current_span()
    try:
        parts = app(whole, start_response)
        try:
            answer = b"".join(parts)
        finally:
            getattr(parts, "close", lambda: None)()
    except Exception as error:  # noqa: BLE001  # a server answers 500
        return Answer(500, {}, repr(error).encode())
    assert nothing_stayed(before)
    status, given = started[-1]
    return Answer(int(status.split()[0]), {name.lower(): value for name, value in given}, answer)


def nothing_stayed(before: trace.Span) -> bool:
    """Whether the context is as it was: the same span, and no delivery (each call gives a handle of its own then)."""
    return trace.get_current_span() is before and current_track() is not current_track()


def _variable(name: str) -> str:
    key = name.upper().replace("-", "_")
    return key if key == "CONTENT_TYPE" else f"HTTP_{key}"


class DjangoUnder:
    """A Django project's handler, whose settings hold while a request is served.

    Args:
        handler: `WSGIHandler` or `ASGIHandler`; made for each request, as its middleware comes from the settings.
        urlpatterns: the URLs.
        **changed: other settings.
    """

    def __init__(self, handler: type[WSGIHandler | ASGIHandler], urlpatterns: Any, **changed: Any) -> None:
        self._handler = handler
        self._settings = {"ROOT_URLCONF": _Urls(urlpatterns=list(urlpatterns)), **changed}

    def __call__(self, *args: Any) -> Any:
        if issubclass(self._handler, WSGIHandler):
            with self._settled():
                return self._handler()(*args)
        return self._serve(*args)

    async def _serve(self, *args: Any) -> None:
        with self._settled():
            await self._handler()(*args)  # type: ignore[misc]

    @contextlib.contextmanager
    def _settled(self) -> Iterator[None]:
        with override_settings(**self._settings):
            yield


def django_wsgi(urlpatterns: Any, method: str = "POST", path: str = PATH, **others: Any) -> Send:
    """Sends to a Django project under its WSGI handler; settings in capitals."""
    changed = {name: others.pop(name) for name in list(others) if name.isupper() and name in _SETTINGS}
    return over_wsgi(DjangoUnder(WSGIHandler, urlpatterns, **changed), method, path, **others)


def django_asgi(urlpatterns: Any, method: str = "POST", path: str = PATH, **others: Any) -> Send:
    """Sends to a Django project under its ASGI handler."""
    changed = {name: others.pop(name) for name in list(others) if name.isupper() and name in _SETTINGS}
    return over_asgi(DjangoUnder(ASGIHandler, urlpatterns, **changed), method, path, **others)


_SETTINGS = frozenset(
    {"MIDDLEWARE", "OUTWORX_ROUTES", "OUTWORX_HOOKS_OPTIONS", "LANGUAGES", "USE_I18N", "REST_FRAMEWORK"}
)
