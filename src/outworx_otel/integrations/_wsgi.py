"""The front door of a WSGI application, and what a WSGI environ says of a request."""

from __future__ import annotations

import io
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any, ClassVar, Final
from urllib.parse import quote, unquote

from outworx_otel.delivery import Delivery, InboundRequest, Respond
from outworx_otel.delivery.flow import Flow, run_sync
from outworx_otel.http.headers import announced_length, from_environ
from outworx_otel.integrations._adapter import HINTS, Adapter, Reading, unverified
from outworx_otel.integrations._door import examine, is_silent, report
from outworx_otel.integrations._visit import VISIT, Visit, visit_in_context
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime

Environ = dict[str, Any]
StartResponse = Callable[..., Any]

# What may stand unescaped in a path (RFC 3986, section 3.3).
_SAFE: Final = "/!$&'()*+,:;=@~"
_NOT_TERMINATED: Final = (
    "The body came in chunks, and the server does not say that wsgi.input ends (wsgi.input_terminated): use one that "
    "does (gunicorn, waitress), or let the proxy in front announce the body's length."
)
# Streams that end by themselves, whatever length was announced: of bridges from ASGI, and of servers that buffer.
_FINITE: Final = (io.BytesIO, tempfile.SpooledTemporaryFile)
_FINITE_MODULES: Final = ("a2wsgi.", "asgiref.", "granian", "hypercorn.", "waitress.")
# Headers by which a proxy or a client adds a prefix.
_PREFIX_HEADERS: Final = ("HTTP_X_FORWARDED_PREFIX", "HTTP_X_SCRIPT_NAME", "HTTP_SCRIPT_NAME")


def path_of(environ: Environ) -> str:
    """The path below the application, decoded."""
    path: str = environ.get("PATH_INFO") or "/"
    return path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace")


def called_path(environ: Environ) -> str:
    """The path as the provider called it, also where the application is mounted."""
    script = environ.get("SCRIPT_NAME")
    if not script:
        return path_of(environ)
    return str(script).encode("latin-1", "replace").decode("utf-8", "replace") + path_of(environ)


def own_path(environ: Environ, forced: str = "") -> str:
    """The path with a prefix that the application sets itself, and without one that a server or a header adds.

    Args:
        environ: of the request.
        forced: a prefix that the application's settings name (Django's FORCE_SCRIPT_NAME).
    """
    if forced:
        return forced + path_of(environ)
    script: str = environ.get("SCRIPT_NAME") or ""
    for prefix in (os.environ.get("SCRIPT_NAME"), *map(environ.get, _PREFIX_HEADERS)):
        if prefix and script.startswith(prefix.rstrip("/")):
            script = script[len(prefix.rstrip("/")) :]
            break
    return script + path_of(environ)


def urls_of(environ: Environ, host: str, scheme: str) -> str | tuple[str, ...]:
    """The URL as it was called, to the letter where the server keeps it; else the spellings it may have had."""
    path = called_path(environ)
    # gunicorn, uWSGI and others keep what stood in the request's first line.
    raw = (environ.get("RAW_URI") or environ.get("REQUEST_URI") or "").partition("?")[0]
    query = environ.get("QUERY_STRING") or ""
    before, after = f"{scheme}://{host}", f"?{query}" if query else ""
    if unquote(raw) == path:
        return f"{before}{raw}{after}"
    return tuple(
        f"{before}{quote(path, safe=safe)}{after}" for safe in ("/!$&'()*+,:;=@~", "/~", "/:@!*'()~", "/")
    )


def visit_of(environ: Environ) -> Visit | None:
    """The visit of a request, also where a bridge from ASGI has made the environ anew."""
    visit = environ.get(VISIT)
    if visit is None:
        visit = visit_in_context()
        if visit is None or not _is_the_same(visit, environ):
            return None
        environ[VISIT] = visit
    return visit if isinstance(visit, Visit) else None


def _is_the_same(visit: Visit, environ: Environ) -> bool:
    """Whether an environ is of the request that a visit in this context belongs to, and not of another inside it."""
    record = visit.delivery.record
    return (
        record.method == environ.get("REQUEST_METHOD")
        and record.path == called_path(environ)
        and dict(record.headers.items()).items() <= dict(from_environ(environ).items()).items()
    )


def read_stream(environ: Environ, limit: int) -> Reading:
    """Reads the whole body, and puts it back as a stream of these bytes and no others."""
    announced = _announced(environ)
    if announced is not None and announced > limit:
        return Reading(None, "too_large", HINTS["too_large"])
    stream = environ.get("wsgi.input")
    if announced is None and not is_finite(environ, stream):
        if "HTTP_TRANSFER_ENCODING" in environ:
            return Reading(None, "unreadable", _NOT_TERMINATED)
        environ["wsgi.input"] = io.BytesIO()
        return Reading(b"")
    try:
        body = _read_up_to(stream, limit + 1 if announced is None else announced)
    except OSError:
        return Reading(None, "incomplete", HINTS["incomplete"])
    if len(body) > limit:
        environ["wsgi.input"] = Rejoined(body, stream)
        return Reading(None, "too_large", HINTS["too_large"])
    environ["wsgi.input"] = io.BytesIO(body)
    if announced is None:
        # Frameworks read nothing where neither a length is announced nor the stream's end.
        environ["wsgi.input_terminated"] = True
    elif len(body) != announced:
        return Reading(None, "incomplete", HINTS["incomplete"])
    return Reading(body)


def _announced(environ: Environ) -> int | None:
    length = environ.get("CONTENT_LENGTH")
    if "HTTP_TRANSFER_ENCODING" in environ and environ.get("wsgi.input_terminated"):
        return None  # it overrides a Content-Length (RFC 9112, section 6.3)
    return None if length in (None, "") else length_of(length)


def length_of(value: Any) -> int:
    """A Content-Length as frameworks read it: whatever `int` takes; what is no number counts as 0."""
    try:
        return max(int(str(value)[:20]), 0)
    except ValueError:
        return 0


def is_finite(environ: Environ, stream: Any) -> bool:
    """Whether a body without a length may be read to its end, without waiting for one for ever."""
    if environ.get("wsgi.input_terminated"):
        return True
    return isinstance(stream, _FINITE) or type(stream).__module__.startswith(_FINITE_MODULES)


def _read_up_to(stream: Any, limit: int) -> bytes:
    """At most `limit` bytes; fewer where the body ends before."""
    parts = []
    while limit > 0:
        part = stream.read(limit)
        if not part:
            break
        parts.append(part)
        limit -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


class Rejoined(io.RawIOBase):
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


class WSGIAdapter(Adapter):
    """One request as its WSGI environ has it."""

    json_answers: ClassVar[bool] = True

    def __init__(self, environ: Environ) -> None:
        self.environ = environ
        self.start_ns = time.time_ns()

    def request(self) -> InboundRequest:
        """The request, without its body."""
        environ = self.environ
        headers = from_environ(environ)
        return InboundRequest(
            method=environ.get("REQUEST_METHOD", "").upper(),
            path=called_path(environ),
            route=None,
            headers=headers,
            body=None,
            body_size=announced_length(headers.get("content-length")),
            url=self.url,
            native=self.native,
            json_answers=self.json_answers,
            own_path=own_path(environ),
        )

    def url(self) -> str | tuple[str, ...]:
        """The URL, or its spellings."""
        environ = self.environ
        host = environ.get("HTTP_HOST") or f"{environ.get('SERVER_NAME')}:{environ.get('SERVER_PORT')}"
        return urls_of(environ, host, environ.get("wsgi.url_scheme", "http"))

    def place(self, visit: Visit) -> None:
        """Among the environ's variables."""
        self.environ[VISIT] = visit

    def read_body(self, limit: int) -> Flow[Reading]:
        """Reads the stream, and puts it back."""
        yield from ()
        return read_stream(self.environ, limit)


class Door(WSGIAdapter):
    """The front door of a WSGI application, for one request that concerns a webhook."""

    def __init__(
        self, endpoint: Endpoint, configured: bool, environ: Environ, start: StartResponse, runtime: Runtime
    ) -> None:
        super().__init__(environ)
        self.runtime = runtime
        self.status: int | None = None
        self._start = start
        self._closed: bytes | None = None
        path = called_path(environ)
        delivery = Delivery(endpoint, self.request(), runtime, self.start_ns, silent=is_silent(path, runtime))
        self.visit = Visit(delivery, configured)

    def run(self, app: Callable[[Environ, StartResponse], Iterable[bytes]]) -> Iterable[bytes]:
        """Verifies, lets the application run, and reports what nobody took for a delivery."""
        visit = self.visit
        refusal = run_sync(examine(self, visit, self.runtime))
        if refusal is not None:
            visit.delivery.finish()
            return [self._respond(refusal)]
        if visit.dismissed:
            return app(self.environ, self._start)
        visit.stream = self.environ.get("wsgi.input")
        self.environ[VISIT] = visit
        visit.delivery.visit = visit
        forget = set_under_way(visit.delivery)
        try:
            answer = app(self.environ, self.start_response)
        except BaseException as error:
            self._report(error)
            raise
        finally:
            forget()
        if self.status is None or visit.pending or self.replaced is not None:
            return _Later(answer, self)
        self._report(None)
        return answer

    def start_response(self, status: str, headers: Any, *rest: Any) -> Any:
        """Passes the answer's head on, unless it is a success that nobody verified the request for."""
        visit = self.visit
        self.status = int(status[:3]) if status[:3].isdecimal() else 500
        request = visit.delivery.request
        unguarded = visit.pending and not visit.taken and self.status < 300
        if unguarded:
            self.runtime.say_unguarded(visit.delivery.endpoint, request.path)
        if unguarded or (visit.delivery.refused and self.status >= 500):
            self._closed = self._respond(unverified(request))
            return lambda data: None
        return self._start(status, headers, *rest)

    @property
    def replaced(self) -> bytes | None:
        """Our own body, in place of what the application answers."""
        return self._closed

    def _respond(self, answer: Respond) -> bytes:
        self.status = answer.status
        headers = [(name.title(), value) for name, value in answer.headers]
        if answer.status not in (204, 304):
            headers.append(("Content-Length", str(len(answer.body))))
        self._start(f"{answer.status} {_phrase(answer.status)}", headers)
        return answer.body

    def _report(self, error: BaseException | None) -> None:
        if not self.visit.taken:
            report(self, self.visit, self.runtime, self.status, error)
        self.visit.delivery.visit = None

    def over(self) -> None:
        """The answer was iterated to its end, or given up."""
        self._report(None)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


class _Later:
    """An answer whose status comes with its first part."""

    def __init__(self, parts: Iterable[bytes], door: Door) -> None:
        self._parts = parts
        self._door = door

    def __iter__(self) -> Iterator[bytes]:
        for part in self._parts:
            if self._door.replaced is not None:
                break
            yield part
        if self._door.replaced is not None:
            yield self._door.replaced

    def close(self) -> None:
        close = getattr(self._parts, "close", None)
        try:
            if close is not None:
                close()
        finally:
            self._door.over()
