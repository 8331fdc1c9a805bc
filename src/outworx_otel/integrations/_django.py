"""One delivery in Django: opened by a request, settled by what its view returned or raised."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any, Final

from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import FileResponse, Http404, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.http.request import RawPostDataException, UnreadablePostError
from opentelemetry import context as otel_context
from opentelemetry import trace

from outworx_otel.delivery import BodyProblem, Delivery, InboundRequest, OutboundResponse, Respond
from outworx_otel.delivery.flow import Flow, run_async, run_sync
from outworx_otel.http.headers import Headers, announced_length, from_environ
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import current

UNDER_WAY: Final = "_outworx_delivery"
_TOO_BIG_FOR_DJANGO: Final = (
    "The body is larger than Django's DATA_UPLOAD_MAX_MEMORY_SIZE: raise that setting."
)
_CHUNKED_UNDER_WSGI: Final = (
    "Django reads no chunked body under WSGI: serve it by ASGI, "
    "or let the proxy in front announce its length."
)
_HINTS: Final = {
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
    "unreadable": "A middleware read the body before the view: make the view csrf_exempt, or move that middleware.",
}


def route(request: Any) -> str | None:
    """The route's template, as far as the URLconf knows it."""
    match = request.resolver_match
    return None if match is None or match.route is None else "/" + match.route.lstrip("/")


def opened(endpoint: Endpoint, request: Any) -> Delivery:
    """The delivery of a request, its body read where it must be."""
    start_ns = time.time_ns()
    body, problem, hint = _read_body(endpoint, request) if endpoint.admits_by_body else (None, None, None)
    delivery = Delivery(
        endpoint,
        InboundRequest(
            method=request.method,
            path=request.path,
            route=route(request),
            headers=from_environ(request.META),
            body=body,
            body_size=announced_length(request.META.get("CONTENT_LENGTH")),
            url=request.build_absolute_uri,
            native=lambda: request,
            body_problem=problem,
            problem_hint=hint,
            json_answers=True,
            handler=None if request.resolver_match is None else request.resolver_match.func,
        ),
        current(),
        start_ns,
    )
    setattr(request, UNDER_WAY, delivery)
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


def deliver(endpoint: Endpoint, request: Any, view: Callable[[], Any]) -> Any:
    """Runs a sync view inside a delivery."""
    delivery = opened(endpoint, request)
    decision = run_sync(delivery.admit())
    if isinstance(decision, Respond):
        return answer(delivery, decision)
    leave = enter(delivery, request)
    try:
        response = view()
    except BaseException as error:
        run_sync(broke_off(delivery, request, error))
        raise
    finally:
        leave()
    run_sync(returned(delivery, request, response))
    return response


async def deliver_async(endpoint: Endpoint, request: Any, view: Callable[[], Awaitable[Any]]) -> Any:
    """Runs an async view inside a delivery."""
    delivery = opened(endpoint, request)
    decision = await run_async(delivery.admit())
    if isinstance(decision, Respond):
        return answer(delivery, decision)
    leave = enter(delivery, request)
    try:
        response = await view()
    except Exception as error:
        await run_async(broke_off(delivery, request, error))
        raise
    except BaseException as error:
        # A cancelled task cannot wait for anything.
        see_body(delivery, request)
        delivery.end_without_waiting(error)
        raise
    finally:
        leave()
    await run_async(returned(delivery, request, response))
    return response


def enter(delivery: Delivery, request: Any) -> Callable[[], None]:
    """Makes the delivery's handle and span current; the returned function undoes it."""
    request.outworx_track = delivery.track
    forget = set_under_way(delivery)
    before = otel_context.get_current()
    if delivery.record.span is not None:
        otel_context.attach(trace.set_span_in_context(delivery.record.span))

    def leave() -> None:
        # Not by token: see `set_under_way`.
        otel_context.attach(before)
        forget()

    return leave


def answer(delivery: Delivery, answer: Respond) -> HttpResponse:
    """Our own answer, instead of the view's."""
    delivery.finish()
    headers = dict(answer.headers)
    response = HttpResponse(answer.body, status=answer.status, headers=headers)
    if "content-type" not in headers:
        # A replayed 204 had none, and is not to get Django's default.
        del response.headers["content-type"]
    return response


def _status_of(error: BaseException) -> int | None:
    """The status that Django answers this exception with; None where it is an error."""
    if isinstance(error, Http404):
        return 404
    if isinstance(error, PermissionDenied):
        return 403
    return 400 if isinstance(error, SuspiciousOperation | BadRequest | MultiPartParserError) else None


def broke_off(delivery: Delivery, request: Any, error: BaseException) -> Flow[None]:
    """Settles a delivery whose view raised."""
    see_body(delivery, request)
    yield from delivery.settle(error, status_of_error=_status_of(error))
    delivery.finish()


def returned(delivery: Delivery, request: Any, response: Any) -> Flow[None]:
    """Settles what the view returned, now or when it is rendered or streamed."""
    see_body(delivery, request)
    if not isinstance(getattr(response, "status_code", None), int):
        # None, or something that is no answer: Django is about to say so.
        error = TypeError(f"the view returned {type(response).__name__}")
        yield from broke_off(delivery, request, error)
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


def see_body(delivery: Delivery, request: Any) -> None:
    """Reads the event out of what the view itself has read and Django has kept."""
    kept = request.__dict__.get("_body")
    if isinstance(kept, bytes):
        delivery.body_was_read(kept)
