"""One delivery over ASGI, whichever framework is inside."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace

from outworx_otel.delivery import (
    MAX_STORED_BODY,
    BodyProblem,
    Delivery,
    InboundRequest,
    OutboundResponse,
    Proceed,
    Respond,
)
from outworx_otel.delivery.flow import run_async, run_sync
from outworx_otel.http.headers import Headers, announced_length
from outworx_otel.integrations._intake import Intake, Message, Receive
from outworx_otel.integrations._scope import ASGIApp, Scope, Send, expose, native_request, status_of, url_of
from outworx_otel.process.timer import Deadline
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime, current

UNDER_WAY: Final = "outworx_otel.delivery"


class Raised:
    """What the handler raised, where somebody answered for it before it could get out."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None


class Exchange:
    """One delivery over ASGI: reads ahead what must be verified, tees the rest, settles on the last byte.

    Args:
        endpoint: what is wanted.
        scope, receive, send: as ASGI gives them.
        route: the route's template, where there is one.
        handler: the function or class behind the route, where it is known.
    """

    __slots__ = (
        "_answer_headers",
        "_deadline",
        "_kept",
        "_kept_size",
        "_may_wait",
        "_send",
        "delivery",
        "end_ns",
        "endpoint",
        "handler",
        "headers",
        "intake",
        "raised",
        "route",
        "runtime",
        "scope",
        "start_ns",
        "status",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        scope: Scope,
        receive: Receive,
        send: Send,
        route: str | None,
        handler: Any,
    ) -> None:
        self.start_ns = time.time_ns()
        self.endpoint = endpoint
        self.scope = scope
        self.route = route
        self.handler = handler
        self.runtime: Runtime = current()
        self._may_wait = self.runtime.may_wait(endpoint)
        self._send = send
        self.headers = Headers(scope.get("headers") or ())
        looks = not endpoint.admits_by_body and (endpoint.picker is not None or endpoint.options.capture_body)
        self.intake = Intake(
            receive,
            self.headers,
            scope.get("http_version", "1.1"),
            endpoint.options.max_body_size,
            self._body_was_read if looks else None,
        )
        self.status: int | None = None
        self._answer_headers: Iterable[tuple[bytes, bytes]] = ()
        self._kept: list[bytes] | None = [] if endpoint.keeps_answer else None
        self._kept_size = 0
        self.end_ns: int | None = None
        self.delivery: Delivery | None = None
        self.raised = Raised()
        self._deadline: Deadline | None = None

    async def run(self, app: ASGIApp, drain: Callable[[Exchange], Awaitable[None]] | None = None) -> None:
        """Verifies, runs `app`, settles and reports.

        Args:
            app: the handler, as an ASGI application.
            drain: reads the body ahead in a framework's own way; None is `read_ahead`.
        """
        body, problem = None, None
        if self.endpoint.admits_by_body:
            try:
                await (drain(self) if drain is not None else self.intake.read_ahead())
            except Exception as error:
                too_large = status_of(error) == 413
                await run_async(self._open(None, "too_large" if too_large else "incomplete").admit())
                await self._end(error)
                raise
            except BaseException as error:
                # A cancelled task cannot wait for users' functions: it is counted and has no span.
                self._open(None, "incomplete").end_without_waiting(error)
                raise
            if self.status is not None:  # a limit of the framework's own has answered
                await run_async(self._open(None, "too_large").admit())
                await self._end(None)
                return
            body, problem = self.intake.whole()
        delivery = self._open(body, problem)
        decision = await self._admitted(delivery) if self._may_wait else run_sync(delivery.admit())
        if isinstance(decision, Respond):
            try:
                await self._respond(decision)
            finally:
                delivery.finish()
            return
        self.scope[UNDER_WAY] = delivery
        expose(self.scope, delivery.track)
        forget = set_under_way(delivery)
        span = delivery.record.span
        token = None if span is None else otel_context.attach(trace.set_span_in_context(span))
        try:
            await app(self.scope, self.intake.receive, self.send)
        except BaseException as error:
            await self._end(error)
            raise
        else:
            if not delivery.is_over:
                await self._end(None)
        finally:
            if token is not None:
                otel_context.detach(token)
            forget()

    async def _admitted(self, delivery: Delivery) -> Proceed | Respond:
        try:
            return await run_async(delivery.admit())
        except BaseException as error:  # a cancelled task: nothing else gets out of there
            delivery.end_without_waiting(error)
            raise

    def _open(self, body: bytes | None, problem: BodyProblem | None) -> Delivery:
        self.delivery = Delivery(
            self.endpoint,
            InboundRequest(
                method=self.scope.get("method", ""),
                path=self.scope.get("path", ""),
                route=self.route,
                headers=self.headers,
                body=body,
                body_size=announced_length(self.headers.get("content-length")),
                url=partial(url_of, self.scope, self.headers),
                native=partial(native_request, self.scope, self.intake),
                body_problem=problem,
                problem_hint=None if problem is None else _HINTS[problem],
                handler=self.handler,
            ),
            self.runtime,
            self.start_ns,
        )
        return self.delivery

    def _body_was_read(self, body: bytes) -> None:
        if self.delivery is not None:
            self.delivery.body_was_read(body)

    # -- the answer ----------------------------------------------------------------------------------------

    async def _respond(self, answer: Respond) -> None:
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
        if answer.status not in (204, 304):  # RFC 9110, section 8.6
            headers.append((b"content-length", b"%d" % len(answer.body)))
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await self._send({"type": "http.response.body", "body": answer.body})

    async def send(self, message: Message) -> None:
        """Passes the answer on, and settles before its last byte when all is known by then."""
        kind = message["type"]
        if kind == "http.response.start":
            self.status = message["status"]
            self._answer_headers = message.get("headers", ())
        elif kind == "http.response.body" or kind == "http.response.pathsend":
            last = kind == "http.response.pathsend" or not message.get("more_body", False)
            if self._kept is not None:
                self._keep(self._kept, message, last)
            if last and self.end_ns is None:
                await self._answered(message)
                return
        await self._send(message)

    def _keep(self, kept: list[bytes], message: Message, last: bool) -> None:
        """Collects the answer's body, unless it is streamed (no announced length) or over the cap."""
        part = message.get("body", b"")
        self._kept_size += len(part)
        streamed = not last and not any(name.lower() == b"content-length" for name, _ in self._answer_headers)
        if "path" in message or streamed or self._kept_size > MAX_STORED_BODY:
            self._kept = None
        else:
            kept.append(part)

    async def _answered(self, message: Message) -> None:
        delivery = self.delivery
        if delivery is None:  # a limit of the framework's own answers, before the delivery is opened
            await self._send(message)
            self.end_ns = time.time_ns()
        elif self.raised.error is not None or delivery.knows_all(self.status or 0):
            settlement = delivery.settle(self._outcome(delivery))
            if self._may_wait:
                await run_async(settlement)
            else:
                run_sync(settlement)
            await self._send(message)
            self.end_ns = time.time_ns()
            delivery.finish(self.end_ns)
        else:
            await self._send(message)
            self.end_ns = time.time_ns()
            self._deadline = delivery.await_mark(self._outbound(), self.end_ns)

    def _outbound(self) -> OutboundResponse:
        body = None if self._kept is None else b"".join(self._kept)
        return OutboundResponse(self.status or 0, Headers(self._answer_headers), body)

    def _outcome(self, delivery: Delivery) -> OutboundResponse | Exception:
        """The answer, or what the handler raised before an error handler answered for it."""
        if self.raised.error is None:
            return self._outbound()
        delivery.record.status = self.status
        return self.raised.error

    async def _end(self, error: BaseException | None) -> None:
        delivery = self.delivery
        assert delivery is not None
        if self._deadline is not None:
            self._deadline.cancel()
        if delivery.is_over:
            return
        if error is None:
            await run_async(delivery.settle(self._outcome(delivery)))
        elif isinstance(error, Exception):
            await run_async(delivery.settle(error, status_of_error=status_of(error)))
        else:
            # A cancelled task cannot wait for anything.
            delivery.end_without_waiting(error, end_ns=self.end_ns)
            return
        delivery.finish(self.end_ns)


_HINTS: Final[dict[BodyProblem, str]] = {
    "unreadable": "Something read the body before the route.",
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
}
