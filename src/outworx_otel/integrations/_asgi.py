"""A delivery over ASGI, whichever framework is inside: at the front door, and at a seam further in."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Any, Final

from outworx_otel.delivery import (
    MAX_STORED_BODY,
    BodyProblem,
    Delivery,
    InboundRequest,
    OutboundResponse,
    Respond,
)
from outworx_otel.delivery.flow import Flow, run_async, run_sync
from outworx_otel.delivery.track import TrackContext
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.http.headers import Headers, announced_length
from outworx_otel.integrations._adapter import (
    Adapter,
    Found,
    Reading,
    conclude,
    refusal_of,
    serve,
    unverified,
)
from outworx_otel.integrations._door import concerned, examine, guessed, is_silent, report
from outworx_otel.integrations._intake import Intake, Message, Receive
from outworx_otel.integrations._scope import (
    ASGIApp,
    Scope,
    Send,
    expose,
    native_request,
    served_path,
    status_of,
    urls_of,
)
from outworx_otel.integrations._visit import PASSED, VISIT, Outside, Visit
from outworx_otel.process.timer import Deadline
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.options import DEFAULT_METHODS
from outworx_otel.setup.runtime import Runtime

Lookup = Callable[[], Found | None]
NOWHERE: Final = Found(None, None, {})


def arguments(scope: Scope, receive: Receive, send: Send) -> tuple[Scope, Receive, Send]:
    """However they were passed."""
    return scope, receive, send


def concern_of(runtime: Runtime, scope: Scope, noting: bool) -> tuple[Endpoint, bool] | None:
    """What a request at the door concerns, as for `_door.concerned`; nearly all concern nothing.

    Args:
        runtime: what is configured.
        scope: of the request.
        noting: whether `PASSED` says so in the scope, for seams further in.
    """
    path, method = scope["path"], scope["method"]
    if scope.get("root_path"):
        endpoint = runtime.at_path(path, served_path(scope))
    else:
        endpoint = runtime.find_path(path)
    if endpoint is not None:
        return concerned(runtime, method.upper(), path, endpoint)
    if method in DEFAULT_METHODS and runtime.detect:
        provider = runtime.detect_pairs(method, scope["headers"])
        if provider is not None:
            return guessed(runtime, path, provider)
    if noting:
        # Not where its method alone lets it by: a middleware further in may change that.
        scope[PASSED] = path
    return None


class Raised:
    """What the handler raised, where somebody answered for it before it could get out."""

    __slots__ = ("error",)

    def __init__(self) -> None:
        self.error: Exception | None = None


class ASGIAdapter(Adapter):
    """One request over ASGI. What its door and its seam share; each has one of its own.

    Args:
        endpoint: what is wanted.
        scope, send: as ASGI gives them.
        runtime: in force when the request came.
        headers: of the request.
        intake: where the body comes from.
    """

    # What most requests leave as it is: one attribute less to set for each.
    status: int | None = None
    """Of the answer, once its head has gone by."""
    broke: Exception | None = None
    """What was raised while the body was read."""
    _parameters: dict[str, Any] | None = None
    _lookup: Lookup | None = None
    _drain: Callable[[Any], Awaitable[None]] | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        scope: Scope,
        send: Send,
        runtime: Runtime,
        headers: Headers,
        intake: Intake,
    ) -> None:
        self.endpoint = endpoint
        self.scope = scope
        self.runtime = runtime
        self.headers = headers
        self.intake = intake
        self._send = send

    def native(self) -> Any:
        """Starlette's request, or the scope."""
        scope = self.scope
        if self._parameters is not None:
            scope = {**scope, "path_params": self._parameters}
        return native_request(scope, self.intake)

    def know_parameters(self, parameters: dict[str, Any]) -> None:
        """`request.path_params`, before the router has been asked."""
        self._parameters = parameters

    def request(self) -> InboundRequest:
        """The request, without its body."""
        scope, headers = self.scope, self.headers
        return InboundRequest(
            method=scope.get("method", "").upper(),
            path=scope.get("path", ""),
            route=None,
            headers=headers,
            body=None,
            body_size=announced_length(headers.get("content-length")),
            url=partial(urls_of, scope, headers),
            native=self.native,
            own_path=served_path(scope),
        )

    def read_body(self, limit: int) -> Flow[Reading]:
        """Reads ahead, to replay it. What the server's `receive` raises is kept for whoever drives this."""
        try:
            yield self.intake.read_ahead() if self._drain is None else self._drain(self)
        except Exception as error:  # noqa: BLE001  # raised again once the delivery is reported
            self.broke = error
            problem: BodyProblem = "too_large" if status_of(error) == 413 else "incomplete"
            return Reading(None, problem, f"{type(error).__name__} was raised while it was read.")
        if self.status is not None:  # a body limit of the framework's has answered
            return Reading(None, "too_large", "A body limit of the application's.")
        return self.intake.whole()

    def place(self, visit: Visit) -> None:
        """In the scope."""
        visit.headers = self.scope.get("headers")
        self.scope[VISIT] = visit

    def lookup(self) -> Found | None:
        """What the framework's routing says."""
        return NOWHERE if self._lookup is None else self._lookup()

    def expose(self, track: TrackContext) -> None:
        """`request.state.outworx_track`."""
        expose(self.scope, track)

    def status_of(self, error: BaseException) -> int | None:
        """That of Starlette's HTTPException."""
        return status_of(error)

    def answer(self, answer: Respond) -> Flow[Any]:
        """Sends it."""
        yield send_answer(self._send, answer)


async def send_answer(send: Send, answer: Respond) -> None:
    """Sends an answer of ours."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status not in (204, 304):  # RFC 9110, section 8.6
        headers.append((b"content-length", b"%d" % len(answer.body)))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


class Outermost:
    """The outermost layer of ours: `receive` and `send` run in the context that the request came with."""

    __slots__ = ("_send", "outside")

    def __init__(self, send: Send) -> None:
        self.outside = Outside()
        self._send = send

    def around(self, upstream: Receive) -> Receive:
        """A `receive` that steps out."""
        outside = self.outside

        async def receive() -> Message:
            inside = outside.step_out()
            try:
                return await upstream()
            finally:
                outside.step_in(inside)

        return receive

    async def send(self, message: Message) -> None:
        """Steps out, and sends."""
        inside = self.outside.step_out()
        try:
            await self._send(message)
        finally:
            self.outside.step_in(inside)


class Door(ASGIAdapter):
    """The front door of an ASGI application, for one request that concerns a webhook."""

    has_paths = True
    """Whether somebody named the path: then a 404 or 405 is a lost delivery, else the framework's own business."""
    _closed = False
    _outermost: Outermost | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        configured: bool,
        scope: Scope,
        receive: Receive,
        send: Send,
        runtime: Runtime,
        lookup: Lookup | None = None,
        templates: Callable[[], Iterable[str]] = tuple,
    ) -> None:
        start_ns = time.time_ns()
        pairs = scope.get("headers") or ()
        headers = Headers(pairs)
        intake = Intake(receive, headers, endpoint.options.max_body_size, None)
        super().__init__(endpoint, scope, send, runtime, headers, intake)
        self._lookup = lookup
        self._templates = templates
        silent = is_silent(scope.get("path", ""), runtime)
        self.visit = Visit(Delivery(endpoint, self.request(), runtime, start_ns, silent=silent), configured)
        self.visit.headers = pairs

    async def run(self, app: ASGIApp) -> None:
        """Verifies, lets the application run, and reports what nobody took for a delivery."""
        visit = self.visit
        refusal = await self.examined()
        if refusal is not None:
            await self.refused(refusal)
        elif visit.dismissed:
            await app(self.scope, self.intake.receive, self._send)
        else:
            await self.pass_on(app)

    async def examined(self) -> Respond | None:
        """The answer that turns the request away, if there is one."""
        try:
            refusal = await run_async(examine(self, self.visit, self.runtime))
        except BaseException as error:  # a cancelled task: nothing else gets out of there
            self.visit.delivery.end_without_waiting(error)
            raise
        if self.broke is not None:
            if refusal is None:
                await run_async(self.visit.delivery.settle(self.broke, status_of_error=status_of(self.broke)))
            self.visit.delivery.finish()
            raise self.broke
        return refusal

    async def refused(self, refusal: Respond) -> None:
        """Answers in place of the application."""
        try:
            await send_answer(self._send, refusal)
        finally:
            self.visit.delivery.finish()

    async def pass_on(self, app: ASGIApp) -> None:
        """Lets the application run, with the visit where its layers find it."""
        visit = self.visit
        self.scope[VISIT] = visit
        self._outermost = outermost = Outermost(self._send)
        self.intake.upstream = outermost.around(self.intake.upstream)
        visit.delivery.visit = visit
        visit.intake, visit.receive = self.intake, self.intake.receive
        forget = set_under_way(visit.delivery)
        error: BaseException | None = None
        try:
            await app(self.scope, visit.receive, self.send)
        except UnverifiedDelivery as refused:
            error = refused
            if self.status is not None:
                raise
            await self._refuse()
        except BaseException as raised:
            error = raised
            raise
        finally:
            forget()
            self.report_unrouted(error)
            visit.delivery.visit = visit.intake = visit.receive = None
            self.scope.pop(VISIT, None)

    def report_unrouted(self, error: BaseException | None = None) -> None:
        """Reports what nobody took for a delivery, unless it is the framework's own business."""
        if not self.visit.taken and (self.has_paths or self._concerns_us()):
            report(self, self.visit, self.runtime, self.status, error)

    def _concerns_us(self) -> bool:
        unrouted = self.status in (404, 405)
        pairs = self.scope.get("headers") or ()
        return not unrouted or self.runtime.detect_pairs("POST", pairs) is not None

    async def send(self, message: Message) -> None:
        """Passes the answer on, unless it is a success that nobody verified the request for."""
        if self._closed:
            return
        if message["type"] == "http.response.start":
            self.status = message["status"]
            visit = self.visit
            if visit.pending and not visit.taken and self.status < 300:
                self.runtime.say_unguarded(self.endpoint, visit.delivery.request.path)
                await self._refuse()
                return
            if visit.delivery.refused and self.status >= 500:
                await self._refuse()
                return
            # The head of an answer leads no server to the connection's next request.
            await self._send(message)
            return
        outermost = self._outermost
        if outermost is None:
            await self._send(message)
            return
        inside = outermost.outside.step_out()
        try:
            await self._send(message)
        finally:
            outermost.outside.step_in(inside)

    async def _refuse(self) -> None:
        """Answers 401 in place of the application: what it answered was not shown to be verified."""
        self._closed = True
        self.status = 401
        request = self.visit.delivery.request
        send = self._send if self._outermost is None else self._outermost.send
        await send_answer(send, unverified(request))

    def templates(self) -> Iterable[str]:
        """Every route of the application."""
        return self._templates()


class Seam(ASGIAdapter):
    """A seam at the route: runs the delivery, tees the answer, settles on its last byte.

    Args:
        visit: from the door, if the request came through one.
        handler: the function or class behind the route, where it is known.
        found: the route.
        drain: reads the body ahead in a framework's own way; None is `read_ahead`.
    """

    end_ns: int | None = None
    """When the last byte of the answer went out."""
    _answer_headers: Iterable[tuple[bytes, bytes]] = ()
    _kept_size = 0
    _deadline: Deadline | None = None

    def __init__(
        self,
        endpoint: Endpoint,
        scope: Scope,
        receive: Receive,
        send: Send,
        runtime: Runtime,
        visit: Visit | None,
        found: Found,
        drain: Callable[[Seam], Awaitable[None]] | None = None,
    ) -> None:
        # Whether nothing stands between the door's body and this seam's.
        self.direct = visit is not None and visit.receive is receive
        pairs = scope.get("headers") or ()
        headers = None
        if visit is not None and visit.headers is pairs:
            headers = visit.delivery.request.headers
        if headers is None:
            headers = Headers(pairs)
        looks = not endpoint.admits_by_body and (endpoint.picker is not None or endpoint.options.capture_body)
        if self.direct and not looks and visit is not None:
            intake = visit.intake
        else:
            look = self._body_was_read if looks else None
            intake = Intake(receive, headers, endpoint.options.max_body_size, look)
        super().__init__(endpoint, scope, send, runtime, headers, intake)
        self.visit = visit
        self.found = found
        self._receive = receive
        self.raised = Raised()
        if drain is not None:
            self._drain = drain
        self._kept: list[bytes] | None = [] if endpoint.keeps_answer else None

    async def run(self, app: ASGIApp) -> None:
        """Takes the delivery over, and runs `app` inside it."""
        if self.visit is None:
            # No door stands outside: keep what is ours out of the server's context here.
            outermost = Outermost(self._send)
            self._send, self.intake.upstream = outermost.send, outermost.around(self.intake.upstream)

        def call() -> Awaitable[None]:
            if self.broke is not None:
                raise self.broke
            if self.status is not None:  # a body limit of the framework's has answered
                return nothing()
            return app(self.scope, self._receive if same else self.intake.receive, self.send)

        same = self.visit is not None and self.intake is self.visit.intake
        start_ns = time.time_ns()
        silent = self.visit is None and is_silent(self.scope.get("path", ""), self.runtime)
        flow = serve(self, self.visit, self.endpoint, self.runtime, start_ns, self.found, call, silent=silent)
        await run_async(flow)
        if self.broke is not None:
            raise self.broke

    def read_body(self, limit: int) -> Flow[Reading]:
        """What the door has read, where that is what comes here; else reads ahead."""
        visit = self.visit
        if self.direct and visit is not None and visit.body is not None:
            return Reading(visit.body)
        return (yield from super().read_body(limit))

    def answer(self, answer: Respond) -> Flow[Any]:
        """Sends it, unless the framework has answered, or is to."""
        if self.broke is None and self.status is None:
            yield send_answer(self._send, answer)

    def _body_was_read(self, body: bytes) -> None:
        if self.delivery is not None:
            self.delivery.body_was_read(body)

    # -- the answer ----------------------------------------------------------------------------------------

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
        if delivery is None:  # a limit of the framework's own answers, before the delivery is admitted
            await self._send(message)
            self.end_ns = time.time_ns()
        elif self.raised.error is not None or delivery.knows_all(self.status or 0):
            settlement = delivery.settle(self._outcome(delivery))
            if self.runtime.may_wait(self.endpoint):
                await run_async(settlement)
            else:
                run_sync(settlement)
            await self._send(message)
            self.end_ns = time.time_ns()
            delivery.linger(self.end_ns)
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

    def answered(self, response: Any) -> OutboundResponse:
        """Over ASGI there is no object that is the answer."""
        return self._outbound()

    def ended(self, delivery: Delivery, response: Any) -> Flow[None]:
        """The application has returned: settles what its last byte did not, and reports."""
        if self._deadline is not None:
            self._deadline.cancel()
        if not delivery.is_settled:
            if self.end_ns is None and self.raised.error is None:
                outcome: OutboundResponse | Exception = OutboundResponse(
                    self.status or 500, None, None, False
                )
            else:
                outcome = self._outcome(delivery)
            yield from delivery.settle(outcome)
        delivery.finish(self.end_ns)

    def failed(self, delivery: Delivery, error: Exception) -> Flow[None]:
        """The application raised: before its answer, or after it."""
        if self._deadline is not None:
            self._deadline.cancel()
        if delivery.is_settled:
            delivery.broke_after(error)
            delivery.finish(self.end_ns)
            return
        delivery.record.status = self.status
        yield from conclude(delivery, error, self.status_of(error), self.end_ns)


async def nothing() -> None:
    """Is awaited where there is nothing left to run."""


async def refusing(
    application: Awaitable[None], scope: Scope, receive: Receive, send: Send, runtime: Runtime
) -> None:
    """Awaits a handler that is nobody's delivery; a marked handler that refuses in it is answered 401."""
    try:
        await application
    except UnverifiedDelivery as error:
        endpoint = getattr(error, "endpoint", None)
        headers = Headers(scope.get("headers") or ())
        intake = Intake(receive, headers, 0, None)
        adapter = ASGIAdapter(
            endpoint if isinstance(endpoint, Endpoint) else runtime.endpoint_of_detected("unknown"),
            scope,
            send,
            runtime,
            headers,
            intake,
        )
        await send_answer(send, refusal_of(error, adapter, runtime, time.time_ns()))
