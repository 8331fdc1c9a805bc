"""What every framework's adapter does, and the one loop that drives a delivery through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, Final, NamedTuple, TypeVar

from outworx_otel.delivery import BodyProblem, Delivery, InboundRequest, OutboundResponse, Respond, respond
from outworx_otel.delivery.flow import Call, Flow
from outworx_otel.delivery.track import TrackContext
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.integrations._visit import Visit, enter
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.runtime import Runtime

T = TypeVar("T")

HINTS: Final[dict[BodyProblem, str]] = {
    "too_large": "The body is larger than max_body_size.",
    "incomplete": "The connection ended before the body was complete.",
    "unreadable": "Something read the body before the handler.",
}


class Reading(NamedTuple):
    """A body, or why it is not to be had."""

    body: bytes | None
    problem: BodyProblem | None = None
    hint: str | None = None


class Found(NamedTuple):
    """What the framework's routing says of a request: its route's template, its handler, the path's parameters."""

    template: str | None
    handler: Any
    parameters: dict[str, Any]


class Adapter:
    """One request as its framework has it. A framework's file has a subclass, or two where its door is elsewhere."""

    json_answers: ClassVar[bool] = False
    delivery: Delivery | None = None
    """The delivery that runs, once its handler may."""

    def native(self) -> Any:
        """The framework's own request, for users' functions."""
        raise NotImplementedError

    def request(self) -> InboundRequest:
        """The request, without its body."""
        raise NotImplementedError

    def read_body(self, limit: int) -> Flow[Reading]:
        """Reads the whole body, and leaves it for the handler to read as if nobody had.

        Args:
            limit: bytes above which it is too large.
        """
        raise NotImplementedError

    def lookup(self) -> Found | None:
        """What the framework's routing says before it was asked; None where nothing serves the request.

        Raises:
            Exception: it cannot be asked.
        """
        raise NotImplementedError

    def know_parameters(self, parameters: dict[str, Any]) -> None:
        """Puts the path's parameters where users' functions look for them in the request."""

    def is_nowhere(self) -> bool:
        """Whether an app-wide adapter leaves what fails to verify to the framework's own 404 or 405."""
        return False

    def reports_unrouted(self) -> bool:
        """Whether a 404 or 405 is a lost delivery, or the framework's own business."""
        return True

    def templates(self) -> Iterable[str]:
        """The application's routes, to name the nearest one of a request that none of them serves."""
        return ()

    def place(self, visit: Visit) -> None:
        """Puts the visit where layers further in find it."""

    def expose(self, track: TrackContext) -> None:
        """Puts the handle where this framework's handlers look for it."""

    def answer(self, answer: Respond) -> Flow[Any]:
        """Our own answer, instead of the handler's."""
        raise NotImplementedError

    def status_of(self, error: BaseException) -> int | None:
        """The status that the framework answers this exception with; None where it is an error."""
        return None

    def body_read(self) -> bytes | None:
        """The body that the handler itself has read and the framework has kept."""
        return None

    def ended(self, delivery: Delivery, response: Any) -> Flow[None]:
        """Settles what the handler returned, now or when it was streamed."""
        yield from conclude(delivery, self.outbound(response))

    def outbound(self, response: Any) -> OutboundResponse:
        """The handler's answer, where it is complete when it is returned."""
        raise NotImplementedError

    def answered(self, response: Any) -> Any:
        """What `response_hook` is given: the framework's own answer, where it has one."""
        return response

    def status_in(self, response: Any) -> int | None:
        """The status of an answer that a call returns; asked by `_door.through`."""
        return getattr(response, "status", None)

    def failed(self, delivery: Delivery, error: Exception) -> Flow[None]:
        """Settles a delivery whose handler raised."""
        yield from conclude(delivery, error, self.status_of(error))


def conclude(
    delivery: Delivery,
    outcome: OutboundResponse | BaseException,
    status_of_error: int | None = None,
    end_ns: int | None = None,
) -> Flow[None]:
    """Settles and reports, as of `end_ns` (now, if None)."""
    yield from delivery.settle(outcome, status_of_error=status_of_error)
    delivery.finish(end_ns)


def drive(adapter: Adapter, delivery: Delivery, call: Callable[[], Any]) -> Flow[Any]:
    """Admits a delivery, calls its handler inside it, and settles what came of it.

    Args:
        adapter: of the request.
        delivery: its body read, where it must be.
        call: calls the handler, or what leads to it; sync or async as the driver of this flow is.

    Returns:
        The handler's answer, or ours.
    """
    try:
        decision = yield from delivery.admit()
    except BaseException as error:  # a cancelled task: nothing else gets out of there
        delivery.end_without_waiting(error)
        raise
    if isinstance(decision, Respond):
        try:
            return (yield from adapter.answer(decision))
        finally:
            delivery.finish()
    adapter.delivery = delivery
    adapter.expose(decision.track)
    span, hook = delivery.record.span, delivery.runtime.request_hook
    if hook is not None and span is not None and span.is_recording():
        delivery.runtime.call_hook("request_hook", hook, span, adapter.native())
    leave = enter(delivery)
    try:
        response = yield Call(call, call)
    except UnverifiedDelivery as error:
        yield from delivery.settle(error, status_of_error=401)
        try:
            return (yield from adapter.answer(unverified(delivery.request)))
        finally:
            delivery.finish()
    except Exception as error:
        _see_body(adapter, delivery)
        yield from adapter.failed(delivery, error)
        raise
    except BaseException as error:
        early = delivery.answer_early(error)
        if early is not None:
            try:
                return (yield from adapter.answer(early))
            finally:
                delivery.finish()
        # A cancelled task cannot wait for anything.
        _see_body(adapter, delivery)
        delivery.end_without_waiting(error)
        raise
    finally:
        leave()
    _see_body(adapter, delivery)
    hook = delivery.runtime.response_hook
    if hook is not None and span is not None and span.is_recording():
        delivery.runtime.call_hook("response_hook", hook, span, adapter.native(), adapter.answered(response))
    yield from adapter.ended(delivery, response)
    return response


def _see_body(adapter: Adapter, delivery: Delivery) -> None:
    body = adapter.body_read()
    if body is not None:
        delivery.body_was_read(body)


def serve(
    adapter: Adapter,
    visit: Visit | None,
    endpoint: Endpoint,
    runtime: Runtime,
    start_ns: int,
    found: Found,
    call: Callable[[], Any],
    *,
    silent: bool = False,
) -> Flow[Any]:
    """What a seam does: takes the door's delivery over, or opens one of its own, and drives it.

    Args:
        adapter: of the request, as the seam sees it.
        visit: from the door, if the request came through one.
        endpoint: what is wanted, as the seam knows it.
        runtime: in force when the request came.
        start_ns: when it came to the seam, in Unix nanoseconds.
        found: the route.
        call: as for `drive`.
        silent: report nothing.
    """
    if visit is not None and visit.delivery.endpoint is endpoint and not visit.taken:
        delivery = visit.delivery
        delivery.request.native = adapter.native
    else:
        start_ns = start_ns if visit is None else visit.delivery.record.start_ns
        delivery = Delivery(endpoint, adapter.request(), runtime, start_ns, silent=silent)
    delivery.routed(found.template, found.handler)
    # What the door has looked at is no handshake.
    greets = delivery.record.method in endpoint.greets and (visit is None or visit.delivery is not delivery)
    if greets and (questions := delivery.questions()):
        greeting = yield from delivery.greet(questions)
        if greeting is not None:
            return (yield from _greeted(adapter, visit, delivery, greeting))
    if endpoint.admits_by_body or (greets and endpoint.reads_handshake):
        try:
            reading = yield from adapter.read_body(endpoint.options.max_body_size)
        except BaseException as error:  # likewise
            delivery.end_without_waiting(error)
            raise
        nothing = not reading.body and reading.problem is None
        if not endpoint.listens_to(delivery.record.method) and (nothing or not endpoint.enforces):
            # A method that nobody listens to, and no body: no delivery.
            return (yield from let_by(endpoint, call))
        known = visit is not None and visit.delivery is delivery and visit.verified_bytes(reading.body)
        if not known:
            request = adapter.request()
            delivery.request.url, delivery.request.headers = request.url, request.headers
            delivery.record.headers = request.headers
            delivery.record.signature = None
        if not known or reading.body is not delivery.request.body:
            delivery.take_body(*reading)
        if greets and (questions := delivery.questions()):
            greeting = yield from delivery.greet(questions)
            if greeting is not None:
                return (yield from _greeted(adapter, visit, delivery, greeting))
    elif greets and not (endpoint.enforces or endpoint.listens_to(delivery.record.method)):
        return (yield from let_by(endpoint, call))
    if visit is None:
        visit = Visit(delivery)
        adapter.place(visit)
    visit.take(delivery)
    return (yield from drive(adapter, delivery, call))


def _greeted(adapter: Adapter, visit: Visit | None, delivery: Delivery, greeting: Respond) -> Flow[Any]:
    if visit is not None:
        visit.take(delivery)
    try:
        return (yield from adapter.answer(greeting))
    finally:
        delivery.finish()


def let_by(endpoint: Endpoint, call: Callable[[], Any]) -> Flow[Any]:
    """Calls a handler for a request that is no delivery; its mark does not stand in the way."""
    forget = set_under_way(LetBy(endpoint))
    try:
        return (yield Call(call, call))
    finally:
        forget()


class LetBy:
    """In force while a marked handler runs for a request that is no delivery, by its method or an excluded URL."""

    __slots__ = ("endpoint", "track")

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self.track = TrackContext()

    def covers(self, endpoint: Endpoint) -> bool:
        """The handler's own endpoint, and no other's."""
        return endpoint is self.endpoint

    def refuse(self) -> None:
        """A handler that is marked otherwise: its exception goes its way."""


def refusal_of(error: UnverifiedDelivery, adapter: Adapter, runtime: Runtime, start_ns: int) -> Respond:
    """The 401 for a marked handler that refused outside a delivery, reported with the handler's endpoint."""
    request = adapter.request()
    endpoint = getattr(error, "endpoint", None)
    if isinstance(endpoint, Endpoint):
        delivery = Delivery(endpoint, request, runtime, start_ns)
        delivery.unhandled(401)
    return unverified(request)


def unverified(request: InboundRequest) -> Respond:
    """The answer to what cannot be shown to be verified."""
    return respond(request, 401, "Invalid webhook signature")
