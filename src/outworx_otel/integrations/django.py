"""Django: `BaseHandler.make_view_atomic` is wrapped, one seam for sync and async views, WSGI and ASGI.

By hand: `OutworxHooksMiddleware` in `MIDDLEWARE`, with `OUTWORX_HOOKS_OPTIONS` (one dict for every path) or
`OUTWORX_ROUTES` (path -> dict) in the settings. Views that providers call must be `csrf_exempt`: Django's CSRF
check runs before either.
"""

from __future__ import annotations

import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.core.signals import got_request_exception
from django.http import FileResponse, Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.bootstrap import prepare
from outworx_otel.config import PathMap
from outworx_otel.delivery import BodyProblem, Delivery, InboundRequest, OutboundResponse, Proceed, Respond
from outworx_otel.endpoints import Endpoint, current
from outworx_otel.flow import Flow, run_async, run_sync
from outworx_otel.headers import Headers, announced_length, from_environ
from outworx_otel.integrations._gate import select
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.options import TrackOptions
from outworx_otel.track import set_current

_UNDER_WAY: Final = "_outworx_delivery"
_TOO_BIG_FOR_DJANGO: Final = (
    "The body is larger than Django's DATA_UPLOAD_MAX_MEMORY_SIZE: raise that setting."
)
_CHUNKED_UNDER_WSGI: Final = "Django reads no chunked body under WSGI: serve it by ASGI, or let the proxy in front announce the length."
_HINTS: Final = {
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
    "unreadable": "A middleware read the body before the view: make the view csrf_exempt, or move that middleware.",
}


class DjangoInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to Django views."""

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("django >= 4.2",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(**kwargs)
        _REACH.open("django")
        _VIEW.apply()
        got_request_exception.connect(_rendering_failed, dispatch_uid=_UNDER_WAY)

    def _uninstrument(self, **kwargs: Any) -> None:
        if _REACH.close("django"):
            _VIEW.remove()
        got_request_exception.disconnect(dispatch_uid=_UNDER_WAY)


# Whether views are coroutine functions, which takes long to find out; there are as many as the URLconf names.
_colours: dict[Any, bool] = {}


def _gate(wrapped: Callable[..., Any], handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Puts a gate round the view that Django is about to call, of the view's own colour."""
    inner = wrapped(*args, **kwargs)
    if not _REACH.covers(None):
        return inner
    view = args[0] if args else kwargs["view"]
    is_async = _colours.get(view)
    if is_async is None:
        is_async = iscoroutinefunction(view)
        if len(_colours) < 4096:
            _colours[view] = is_async
    if is_async:

        async def gated_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            endpoint = _select(request, view)
            if endpoint is None:
                return await inner(request, *args, **kwargs)
            return await _deliver_async(endpoint, request, lambda: inner(request, *args, **kwargs))

        return gated_async

    def gated(request: Any, *args: Any, **kwargs: Any) -> Any:
        endpoint = _select(request, view)
        if endpoint is None:
            return inner(request, *args, **kwargs)
        return _deliver(endpoint, request, lambda: inner(request, *args, **kwargs))

    return gated


def _select(request: Any, view: Any, mounted: Endpoint | None = None) -> Endpoint | None:
    if _UNDER_WAY in request.__dict__ or _lacks_method(view, request):
        return None
    method: str = request.method
    return select(current(), view, method, request.path, request.META, _route, request, mounted=mounted)


def _route(request: Any) -> str | None:
    match = request.resolver_match
    return None if match is None or match.route is None else "/" + match.route.lstrip("/")


def _open(endpoint: Endpoint, request: Any) -> Delivery:
    start_ns = time.time_ns()
    body, problem, hint = _read_body(endpoint, request) if endpoint.admits_by_body else (None, None, None)
    delivery = Delivery(
        endpoint,
        InboundRequest(
            method=request.method,
            path=request.path,
            route=_route(request),
            headers=from_environ(request.META),
            body=body,
            body_size=announced_length(request.META.get("CONTENT_LENGTH")),
            url=request.build_absolute_uri,
            native=lambda: request,
            body_problem=problem,
            problem_hint=hint,
            json_answers=True,
        ),
        current(),
        start_ns,
    )
    setattr(request, _UNDER_WAY, delivery)
    return delivery


def _read_body(endpoint: Endpoint, request: Any) -> tuple[bytes | None, BodyProblem | None, str | None]:
    problem: BodyProblem
    announced = announced_length(request.META.get("CONTENT_LENGTH")) or 0
    if announced > endpoint.options.max_body_size:
        return None, "too_large", _HINTS["too_large"]
    try:
        body: bytes = request.body
    except RequestDataTooBig:
        return None, "too_large", _TOO_BIG_FOR_DJANGO
    except RawPostDataException:
        problem = "unreadable"
    except UnreadablePostError:
        problem = "incomplete"
    else:
        if len(body) > endpoint.options.max_body_size:
            problem = "too_large"
        elif announced > len(body):
            # Under WSGI, Django takes what a broken connection gave for the whole.
            problem = "incomplete"
        elif not body and isinstance(request, WSGIRequest) and "HTTP_TRANSFER_ENCODING" in request.META:
            return None, "unreadable", _CHUNKED_UNDER_WSGI
        else:
            return body, None, None
    return None, problem, _HINTS[problem]


def _deliver(endpoint: Endpoint, request: Any, view: Callable[[], Any]) -> Any:
    delivery = _open(endpoint, request)
    decision = run_sync(delivery.admit())
    if isinstance(decision, Respond):
        return _answer(delivery, decision)
    leave = _enter(delivery, request)
    try:
        response = view()
    except BaseException as error:
        run_sync(_broke_off(delivery, request, error))
        raise
    finally:
        leave()
    run_sync(_returned(delivery, request, response))
    return response


async def _deliver_async(endpoint: Endpoint, request: Any, view: Callable[[], Awaitable[Any]]) -> Any:
    delivery = _open(endpoint, request)
    decision = await run_async(delivery.admit())
    if isinstance(decision, Respond):
        return _answer(delivery, decision)
    leave = _enter(delivery, request)
    try:
        response = await view()
    except Exception as error:
        await run_async(_broke_off(delivery, request, error))
        raise
    except BaseException as error:
        # A cancelled task cannot wait for anything.
        _see_body(delivery, request)
        delivery.end_without_waiting(error)
        raise
    finally:
        leave()
    await run_async(_returned(delivery, request, response))
    return response


def _enter(delivery: Delivery, request: Any) -> Callable[[], None]:
    request.outworx_track = delivery.track
    forget = set_current(delivery.track)
    before = otel_context.get_current()
    if delivery.record.span is not None:
        otel_context.attach(trace.set_span_in_context(delivery.record.span))

    def leave() -> None:
        # Not by token: see `set_current`.
        otel_context.attach(before)
        forget()

    return leave


def _answer(delivery: Delivery, answer: Respond) -> HttpResponse:
    delivery.finish()
    return HttpResponse(answer.body, status=answer.status, headers=dict(answer.headers))


def _status_of(error: BaseException) -> int | None:
    """The status that Django answers this exception with; None where it is an error."""
    if isinstance(error, Http404):
        return 404
    if isinstance(error, PermissionDenied):
        return 403
    return 400 if isinstance(error, SuspiciousOperation | BadRequest | MultiPartParserError) else None


def _broke_off(delivery: Delivery, request: Any, error: BaseException) -> Flow[None]:
    _see_body(delivery, request)
    yield from delivery.settle(error, status_of_error=_status_of(error))
    delivery.finish()


def _returned(delivery: Delivery, request: Any, response: Any) -> Flow[None]:
    """Settles what the view returned, now or when it is rendered or streamed."""
    _see_body(delivery, request)
    if not isinstance(getattr(response, "status_code", None), int):
        # None, or something that is no answer: Django is about to say so.
        error = TypeError(f"the view returned {type(response).__name__}")
        yield from _broke_off(delivery, request, error)
    elif not getattr(response, "is_rendered", True):
        response.add_post_render_callback(lambda rendered: run_sync(_answered(delivery, rendered)))
    else:
        yield from _answered(delivery, response)


def _answered(delivery: Delivery, response: Any) -> Flow[None]:
    streaming = getattr(response, "streaming", False)
    body = response.content if delivery.endpoint.keeps_answer and not streaming else None
    answer = OutboundResponse(response.status_code, Headers(response.headers.items()), body)
    if not streaming:
        yield from _settled(delivery, answer)
    elif isinstance(response, FileResponse):
        # wsgi.file_wrapper may send it without iterating; the closers run either way.
        response._resource_closers.append(lambda: run_sync(_settled(delivery, answer)))
    else:
        streamed = _streamed_async if response.is_async else _streamed
        response.streaming_content = streamed(response.streaming_content, delivery, answer)
        # A generator that nobody begins is never closed either.
        response._resource_closers.append(lambda: delivery.end_without_waiting(answer))


def _settled(delivery: Delivery, outcome: OutboundResponse | BaseException) -> Flow[None]:
    yield from delivery.settle(outcome)
    delivery.finish()


def _streamed(parts: Iterator[bytes], delivery: Delivery, answer: OutboundResponse) -> Iterator[bytes]:
    outcome: OutboundResponse | BaseException = answer
    try:
        yield from parts
    except Exception as error:
        outcome = error
        raise
    finally:
        run_sync(_settled(delivery, outcome))


async def _streamed_async(
    parts: AsyncIterator[bytes], delivery: Delivery, answer: OutboundResponse
) -> AsyncIterator[bytes]:
    outcome: OutboundResponse | BaseException = answer
    try:
        async for part in parts:
            yield part
    except Exception as error:
        outcome = error
        raise
    finally:
        # On an event loop, and perhaps being closed.
        delivery.end_without_waiting(outcome)


def _see_body(delivery: Delivery, request: Any) -> None:
    """Reads the event out of what the view itself has read and Django has kept."""
    kept = request.__dict__.get("_body")
    if isinstance(kept, bytes):
        delivery.body_was_read(kept)


def _rendering_failed(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """An answer that was to be rendered after the view never was."""
    delivery = request.__dict__.get(_UNDER_WAY) if request is not None else None
    if isinstance(delivery, Delivery):
        error = sys.exc_info()[1]
        if error is not None:
            run_sync(_broke_off(delivery, request, error))


class OutworxHooksMiddleware:
    """The hand-mounted adapter: hooks that Django calls once the view is known, sync and async.

    Reads `OUTWORX_HOOKS_OPTIONS` (a dict of options, or a `TrackOptions`) or `OUTWORX_ROUTES` (path -> options)
    from the settings.

    Raises:
        ConfigurationError: an unknown option, or one that cannot be used.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._endpoints = _endpoints_from_settings()
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.process_view: Any = self._process_view_async
        else:
            self.process_view = self._process_view

    def __call__(self, request: Any) -> Any:
        if iscoroutinefunction(self):
            return self._call_async(request)
        response = self.get_response(request)
        run_sync(self._after(request, response))
        return response

    async def _call_async(self, request: Any) -> Any:
        response = await self.get_response(request)
        await run_async(self._after(request, response))
        return response

    def _endpoint(self, request: Any, view: Any) -> Endpoint | None:
        mounted = self._endpoints.find(request.path)
        if mounted is None or not mounted.concerns(request.method, request.path):
            return None
        return _select(request, view, mounted)

    def _process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> Any:
        endpoint = self._endpoint(request, view)
        if endpoint is None:
            return None
        delivery = _open(endpoint, request)
        return self._before(request, delivery, run_sync(delivery.admit()))

    async def _process_view_async(self, request: Any, view: Any, args: Any, kwargs: Any) -> Any:
        endpoint = self._endpoint(request, view)
        if endpoint is None:
            return None
        delivery = _open(endpoint, request)
        return self._before(request, delivery, await run_async(delivery.admit()))

    def _before(self, request: Any, delivery: Delivery, decision: Proceed | Respond) -> HttpResponse | None:
        if isinstance(decision, Respond):
            return _answer(delivery, decision)
        request._outworx_leave = _enter(delivery, request)
        return None

    def process_exception(self, request: Any, error: Exception) -> None:
        """Remembers what the view raised; Django turns it into an answer."""
        delivery = request.__dict__.get(_UNDER_WAY)
        if isinstance(delivery, Delivery) and "_outworx_leave" in request.__dict__:
            # Django calls this in a thread that may wait, under ASGI too.
            run_sync(_broke_off(delivery, request, error))

    def _after(self, request: Any, response: Any) -> Flow[None]:
        leave = request.__dict__.pop("_outworx_leave", None)
        if leave is not None:
            leave()
            delivery = request.__dict__[_UNDER_WAY]
            if response.status_code == 405:
                yield from delivery.drop()
            else:
                yield from _returned(delivery, request, response)


def _lacks_method(view: Any, request: Any) -> bool:
    view_class = getattr(view, "view_class", None)
    return view_class is not None and not hasattr(view_class, request.method.lower())


def _endpoints_from_settings() -> PathMap[Endpoint]:
    routes = getattr(settings, "OUTWORX_ROUTES", None)
    one = getattr(settings, "OUTWORX_HOOKS_OPTIONS", None)
    entries: dict[str, Any] = dict(routes) if routes else {}
    if one is not None:
        entries.setdefault("*", one)
    endpoints = {}
    for path, given in entries.items():
        where = f'OUTWORX_ROUTES["{path}"]' if routes and path in routes else "OUTWORX_HOOKS_OPTIONS"
        options = given if isinstance(given, TrackOptions) else TrackOptions.from_mapping(given, where)
        endpoints[path] = Endpoint(options, where, known_secrets=lambda: current().known_secrets())
    return PathMap(endpoints)


_REACH: Final = Reach()
_VIEW: Final = Patch(BaseHandler, "make_view_atomic", _gate)
