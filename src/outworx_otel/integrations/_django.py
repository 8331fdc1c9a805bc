"""One request in Django: at the front door, and where its view is about to run."""

from __future__ import annotations

import io
import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, ClassVar, Final

from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import FileResponse, Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from django.urls import Resolver404, get_resolver, get_urlconf, resolve

from outworx_otel.delivery import Delivery, InboundRequest, OutboundResponse, Respond
from outworx_otel.delivery.flow import Flow, run_sync
from outworx_otel.delivery.track import TrackContext
from outworx_otel.http.headers import Headers, announced_length, from_environ
from outworx_otel.integrations._adapter import HINTS, Adapter, Found, Reading, conclude
from outworx_otel.integrations._scope import served_path
from outworx_otel.integrations._scope import urls_of as urls_of_scope
from outworx_otel.integrations._visit import VISIT, Visit
from outworx_otel.integrations._wsgi import is_finite, length_of, own_path, read_stream, urls_of, visit_of

UNDER_WAY: Final = "_outworx_delivery"
_ATTRIBUTE: Final = "_outworx_visit"
_TOO_BIG_FOR_DJANGO: Final = (
    "The body is larger than Django's DATA_UPLOAD_MAX_MEMORY_SIZE: raise that setting."
)
_CHUNKED_UNDER_WSGI: Final = (
    "Django reads no chunked body under WSGI: serve it by ASGI, "
    "or let the proxy in front announce its length."
)
_READ_BEFORE: Final = (
    "A middleware read the body before the view: make the view csrf_exempt, or move that middleware."
)


def route(request: Any) -> str | None:
    """The route's template, as far as the URLconf knows it."""
    match = request.resolver_match
    return None if match is None else readable(match.route)


def readable(route: str | None) -> str | None:
    """A route as people write it: without the anchors and groups of regular expressions."""
    if route is None:
        return None
    if "^" in route or "(?P<" in route or "\\" in route:
        from django.contrib.admindocs.views import simplify_regex

        # Parts of `include()` each begin with an anchor of their own.
        route = simplify_regex(route.replace("^", "").replace("\\Z", "").replace("$", ""))
    return "/" + route.lstrip("/")


def routing(request: Any, path: str | None = None) -> Found | None:
    """What the URLconf says of a request, or of another path; None for Django's own 404."""
    try:
        match = resolve(request.path_info if path is None else path, getattr(request, "urlconf", None))
    except Resolver404:
        return None
    return Found(readable(match.route), match.func, dict(match.kwargs))


def visit_at(request: Any) -> Visit | None:
    """The visit of a request, whichever layer of ours it met first."""
    visit = request.__dict__.get(_ATTRIBUTE)
    if visit is None:
        scope = getattr(request, "scope", None)
        visit = visit_of(request.META) if scope is None else scope.get(VISIT)
        if isinstance(visit, Visit):
            request.__dict__[_ATTRIBUTE] = visit
    return visit if isinstance(visit, Visit) else None


class DjangoAdapter(Adapter):
    """One request as Django has it."""

    json_answers: ClassVar[bool] = True

    def __init__(self, request: Any, visit: Visit | None = None) -> None:
        self._request = request
        self._visit = visit
        self.start_ns = time.time_ns()
        # Whether nothing but an adapter without paths says that this is an endpoint.
        self.app_wide = False

    def native(self) -> Any:
        """Django's request."""
        return self._request

    def request(self) -> InboundRequest:
        """The request, without its body."""
        request = self._request
        headers = from_environ(request.META)
        scope = getattr(request, "scope", None)
        forced = settings.FORCE_SCRIPT_NAME or ""
        return InboundRequest(
            method=(request.method or "").upper(),
            path=request.path,
            route=route(request),
            headers=headers,
            body=None,
            body_size=announced_length(headers.get("content-length")),
            url=self.url,
            native=self.native,
            json_answers=True,
            own_path=own_path(request.META, forced) if scope is None or forced else served_path(scope),
        )

    def url(self) -> str | tuple[str, ...]:
        """The URL as it was called, whether ALLOWED_HOSTS has its host or not."""
        request = self._request
        scope = getattr(request, "scope", None)
        if scope is not None:
            return urls_of_scope({**scope, "scheme": request.scheme}, Headers(scope.get("headers") or ()))
        return urls_of(request.META, request._get_raw_host(), request.scheme)

    def read_body(self, limit: int) -> Flow[Reading]:
        """Reads `request.body`, which Django keeps."""
        yield from ()
        visit = self._visit
        kept = self._request.__dict__.get("_body")
        if visit is not None and visit.body is not None and kept is not None and kept is visit.body:
            return Reading(kept)
        return _read_body(self._request, limit)

    def lookup(self) -> Found | None:
        """What the URLconf says."""
        return routing(self._request)

    def templates(self) -> Iterable[str]:
        """Every route."""
        return _templates(get_resolver(get_urlconf()).url_patterns, "")

    def place(self, visit: Visit) -> None:
        """Among the request's attributes, and where bridges look."""
        request = self._request
        request.__dict__[_ATTRIBUTE] = visit
        scope = getattr(request, "scope", None)
        (request.META if scope is None else scope)[VISIT] = visit

    def expose(self, track: TrackContext) -> None:
        """`request.outworx_track`."""
        self._request.outworx_track = track
        setattr(self._request, UNDER_WAY, self.delivery)

    def answer(self, answer: Respond) -> Flow[Any]:
        """An HttpResponse."""
        yield from ()
        return response_of(answer)

    def status_of(self, error: BaseException) -> int | None:
        """The status that Django answers this exception with."""
        if isinstance(error, Http404):
            return 404
        if isinstance(error, PermissionDenied):
            return 403
        return 400 if isinstance(error, SuspiciousOperation | BadRequest | MultiPartParserError) else None

    def status_in(self, response: Any) -> int | None:
        """Of an HttpResponse."""
        return getattr(response, "status_code", None)

    def body_read(self) -> bytes | None:
        """What the view has read and Django has kept."""
        kept = self._request.__dict__.get("_body")
        return kept if isinstance(kept, bytes) else None

    def ended(self, delivery: Delivery, response: Any) -> Flow[None]:
        """Settles what the view returned, now or when it is rendered or streamed."""
        if self.app_wide and getattr(response, "status_code", None) == 405:
            # The view's own: nobody said that this was an endpoint.
            yield from delivery.drop()
            return
        if not isinstance(getattr(response, "status_code", None), int):
            # None, or something that is no answer: Django is about to say so.
            yield from conclude(delivery, TypeError(f"the view returned {type(response).__name__}"))
        elif not getattr(response, "is_rendered", True):
            response.add_post_render_callback(lambda rendered: run_sync(_answered(delivery, rendered)))
        else:
            yield from _answered(delivery, response)


def response_of(answer: Respond) -> HttpResponse:
    """An answer of ours in Django's form."""
    headers = dict(answer.headers)
    response = HttpResponse(answer.body, status=answer.status, headers=headers)
    if "content-type" not in headers:
        # A replayed 204 had none, and is not to get Django's default.
        del response.headers["content-type"]
    return response


def _read_body(request: Any, limit: int) -> Reading:
    length = request.META.get("CONTENT_LENGTH")
    announced = 0 if length in (None, "") else length_of(length)
    if announced > limit:
        return Reading(None, "too_large", HINTS["too_large"])
    if isinstance(request, WSGIRequest) and length in (None, "") and "_body" not in request.__dict__:
        _open_stream(request, limit)
    try:
        body: bytes = request.body
    except RequestDataTooBig:
        return Reading(None, "too_large", _TOO_BIG_FOR_DJANGO)
    except RawPostDataException:
        return Reading(None, "unreadable", _READ_BEFORE)
    except ValueError:  # Django takes the length for a number
        return Reading(None, "unreadable", "Content-Length is no number.")
    except UnreadablePostError:
        return Reading(None, "incomplete", HINTS["incomplete"])
    if len(body) > limit:
        return Reading(None, "too_large", HINTS["too_large"])
    if announced > len(body):
        # Under WSGI, Django takes what a broken connection gave for the whole.
        return Reading(None, "incomplete", HINTS["incomplete"])
    if not body and isinstance(request, WSGIRequest) and "HTTP_TRANSFER_ENCODING" in request.META:
        return Reading(None, "unreadable", _CHUNKED_UNDER_WSGI)
    if isinstance(request, WSGIRequest):
        # Nor may anybody who reads the environ's stream find other bytes.
        request.META["wsgi.input"] = io.BytesIO(body)
    return Reading(body)


def _open_stream(request: Any, limit: int) -> None:
    """Lets Django read a body without an announced length, where its stream ends by itself; nothing else may."""
    environ = request.META
    if is_finite(environ, environ.get("wsgi.input")) and "HTTP_TRANSFER_ENCODING" not in environ:
        reading = read_stream(environ, limit)
        if reading.body is not None:
            request._stream = io.BytesIO(reading.body)


def _answered(delivery: Delivery, response: Any) -> Flow[None]:
    streaming = getattr(response, "streaming", False)
    body = response.content if delivery.endpoint.keeps_answer and not streaming else None
    answer = OutboundResponse(response.status_code, Headers(response.headers.items()), body)
    if not streaming:
        yield from conclude(delivery, answer)
    elif isinstance(response, FileResponse):
        # wsgi.file_wrapper may send it without iterating; the closers run either way.
        response._resource_closers.append(lambda: run_sync(conclude(delivery, answer)))
    else:
        streamed = _streamed_async if response.is_async else _streamed
        response.streaming_content = streamed(response.streaming_content, delivery, answer)
        # A generator that nobody begins is never closed either.
        cut_off = OutboundResponse(answer.status, answer.headers, None, complete=False)
        response._resource_closers.append(lambda: delivery.end_without_waiting(cut_off))


def _streamed(parts: Iterator[bytes], delivery: Delivery, answer: OutboundResponse) -> Iterator[bytes]:
    outcome: OutboundResponse | BaseException = OutboundResponse(answer.status, answer.headers, None, False)
    try:
        yield from parts
        outcome = answer
    except Exception as error:
        outcome = error
        raise
    finally:
        run_sync(conclude(delivery, outcome))


async def _streamed_async(
    parts: AsyncIterator[bytes], delivery: Delivery, answer: OutboundResponse
) -> AsyncIterator[bytes]:
    outcome: OutboundResponse | BaseException = OutboundResponse(answer.status, answer.headers, None, False)
    try:
        async for part in parts:
            yield part
        outcome = answer
    except Exception as error:
        outcome = error
        raise
    finally:
        # On an event loop, and perhaps being closed.
        delivery.end_without_waiting(outcome)


def _templates(patterns: Iterable[Any], before: str) -> Iterator[str]:
    for pattern in patterns:
        here = before + str(pattern.pattern)
        inner = getattr(pattern, "url_patterns", None)
        if inner is not None:
            yield from _templates(inner, here)
        else:
            yield readable(here) or here
