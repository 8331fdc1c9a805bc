"""One request on its way through every layer of ours: the front door, the seam at the route, bridges between."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry import trace

from outworx_otel.delivery import Delivery
from outworx_otel.setup.admission import UnderWay, put_under_way, set_under_way, under_way

VISIT: Final = "outworx_otel.visit"
"""Where a visit stands in an ASGI scope, a WSGI environ, and among a Django request's attributes."""


PASSED: Final = "outworx_otel.passed"
"""Where the door leaves the path of a request that concerns nothing: seams further in need not look it up again."""


class Visit:
    """What is known of a request that concerns a webhook.

    Args:
        delivery: what would be reported of it; a seam that knows better puts its own here.
        configured: whether the path is configured; False where headers alone speak of a webhook.
    """

    __slots__ = (
        "body",
        "configured",
        "delivery",
        "dismissed",
        "headers",
        "intake",
        "pending",
        "plain",
        "receive",
        "stream",
        "taken",
    )

    def __init__(self, delivery: Delivery, configured: bool = True) -> None:
        self.delivery = delivery
        self.configured = configured
        # Over ASGI, the very object that is the request's headers: copies of its scope have it too.
        self.headers: object = None
        # And the `receive` that was handed on, with the intake behind it.
        self.receive: object = None
        self.intake: Any = None
        # Whether it turned out to be nobody's delivery, by its method.
        self.dismissed = False
        # Whether a seam has taken the delivery over: it runs its handler, and settles and reports it.
        self.taken = False
        # Whether the door could not verify what only a seam can: until then nothing may answer 2xx.
        self.pending = False
        # What was verified: the bytes as they came, and what they are without their Content-Encoding.
        self.body: bytes | None = None
        self.plain: bytes | None = None
        # Over WSGI, the stream that holds these bytes.
        self.stream: object = None

    def take(self, delivery: Delivery) -> None:
        """A seam runs this delivery."""
        self.delivery = delivery
        self.taken = True
        delivery.visit = self

    def verified_bytes(self, body: bytes | None) -> bool:
        """Whether `body` is what the door has verified, as it came or without its Content-Encoding."""
        if self.pending or body is None or self.body is None:
            return False
        return body == self.body or (self.plain is not None and body == self.plain)


def visit_of_scope(scope: MutableMapping[str, Any]) -> Visit | None:
    """The visit of an ASGI request, also where a layer handed on a copy of the scope that was made before."""
    visit = scope.get(VISIT)
    if visit is None:
        visit = visit_in_context()
        if visit is None or visit.headers is not scope.get("headers"):
            # a2wsgi puts the environ of the WSGI server outside into the scope.
            environ = scope.get("wsgi_environ")
            visit = environ.get(VISIT) if isinstance(environ, dict) else None
            if visit is None:
                return None
        scope[VISIT] = visit
    return visit if isinstance(visit, Visit) else None


def visit_in_context() -> Visit | None:
    """The visit of whatever is under way in this context."""
    visit = getattr(under_way(), "visit", None)
    return visit if isinstance(visit, Visit) else None


def enter(delivery: Delivery) -> Callable[[], None]:
    """Makes a delivery and its span current; the returned function undoes it."""
    forget = set_under_way(delivery)
    span = delivery.record.span
    if span is None:
        return lambda: (forget(), None)[1]
    before = otel_context.get_current()
    otel_context.attach(trace.set_span_in_context(span, before))

    def leave() -> None:
        # Not by token: between Django's sync and async middleware the way back leads through another Context.
        otel_context.attach(before)
        forget()

    return leave


class Outside:
    """The context that a request came in with: whatever runs on behalf of the server runs in it.

    uvicorn's asyncio loop runs later requests of a connection in the context in which its `receive` or `send` was
    awaited (a body over 64 KiB, pipelining): what is attached there would leak into them.
    """

    __slots__ = ("_context", "_work")

    def __init__(self) -> None:
        self._context = otel_context.get_current()
        self._work = under_way()

    def step_out(self) -> tuple[otel_context.Context, UnderWay | None]:
        """Puts the outer context in place; returns the inner one."""
        inside = otel_context.get_current(), under_way()
        otel_context.attach(self._context)
        put_under_way(self._work)
        return inside

    @staticmethod
    def step_in(inside: tuple[otel_context.Context, UnderWay | None]) -> None:
        """Puts the inner context in place again."""
        otel_context.attach(inside[0])
        put_under_way(inside[1])
