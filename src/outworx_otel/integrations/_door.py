"""The front door: which requests concern a webhook, what is verified before anything else runs, what is reported.

It is the outermost seam of each application, which every request passes: `Starlette.__call__`, `Flask.__call__`,
Django's `get_response`, or the place where an adapter is mounted by hand.
"""

from __future__ import annotations

import difflib
import zlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final

from opentelemetry.instrumentation.utils import is_instrumentation_enabled

from outworx_otel.delivery import Delivery, Respond
from outworx_otel.delivery.flow import Call, Flow
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.integrations._adapter import Adapter, Found, unverified
from outworx_otel.integrations._visit import Visit
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.marking import marked
from outworx_otel.setup.runtime import Runtime

PROOF_BYTES: Final = 64 * 1024
_PROOF_ENDPOINTS: Final = 8
_NEAR_ROUTES: Final = 200


def is_opened(path: str, endpoint: Endpoint, runtime: Runtime) -> bool:
    """Whether an excluded URL lets this request by: our own variable any, the others what does not verify."""
    excluded = runtime.exclusions or runtime.read_exclusions()
    if excluded.name(path) and (excluded.opens or not endpoint.verifies):
        return True
    given = runtime.excluded_urls
    return given is not None and not endpoint.verifies and given.url_disabled(path)


def is_silent(path: str, runtime: Runtime) -> bool:
    """Whether a request is verified and not reported: suppressed instrumentation, URLs excluded from traces."""
    if not is_instrumentation_enabled():
        return True
    if (runtime.exclusions or runtime.read_exclusions()).name(path):
        return True
    return runtime.excluded_urls is not None and runtime.excluded_urls.url_disabled(path)


def concerned(runtime: Runtime, method: str, path: str, endpoint: Endpoint) -> tuple[Endpoint, bool] | None:
    """The endpoint that a request to a configured path concerns, and True; None where it passes.

    Args:
        runtime: what is configured.
        method: in upper case.
        path: as the provider called it.
        endpoint: of the path.
    """
    if not endpoint.may_listen_to(method) or is_opened(path, endpoint, runtime):
        return None
    return endpoint, True


def guessed(runtime: Runtime, path: str, provider: str) -> tuple[Endpoint, bool] | None:
    """The same for a path that is not configured, and headers that are unmistakably a provider's."""
    endpoint = runtime.endpoint_of_detected(provider)
    return None if is_opened(path, endpoint, runtime) else (endpoint, False)


def examine(adapter: Adapter, visit: Visit, runtime: Runtime) -> Flow[Respond | None]:
    """Verifies a request at the door, where its endpoint verifies.

    Returns:
        The answer that turns it away, or that a handshake is given; None where it may go on. `visit.pending` says
        that it was not verified, and that a seam further in must do so before a handler runs.
    """
    delivery = visit.delivery
    endpoint = delivery.endpoint
    greets = delivery.record.method in endpoint.greets
    if greets:
        greeting = yield from _greeting(delivery)
        if greeting is not None:
            return greeting
        if not endpoint.enforces and not endpoint.listens_to(delivery.record.method):
            visit.dismissed = True
            return None
    if not endpoint.verifies:
        if greets and endpoint.reads_handshake:
            reading = yield from adapter.read_body(endpoint.options.max_body_size)
            delivery.take_body(*reading)
            visit.body = reading.body
            return (yield from _greeting(delivery))
        if not visit.configured and _may_buffer(runtime, endpoint, delivery):
            reading = yield from adapter.read_body(PROOF_BYTES)
            visit.body = reading.body
        return None
    found = _routing(adapter) if endpoint.asks_request else None
    if found is not None:
        adapter.know_parameters(found.parameters)
    reading = yield from adapter.read_body(endpoint.options.max_body_size)
    if delivery.record.method not in endpoint.methods and not reading.body and reading.problem is None:
        # The stream says that there is no body: a method that nobody listens to is nobody's delivery.
        delivery.say_unanswered()
        visit.dismissed = True
        return None
    delivery.take_body(*reading)
    visit.body = reading.body
    if greets:
        greeting = yield from _greeting(delivery)
        if greeting is not None:
            return greeting
    yield from delivery.verify()
    if not delivery.is_turned_away:
        return (yield from _greeting(delivery, verified=True)) if greets else None
    plain = decoded(reading.body, delivery.request.headers.get("content-encoding"), endpoint)
    if plain is not None:
        refused = delivery.record.signature
        delivery.take_body(plain)
        yield from delivery.verify()
        if not delivery.is_turned_away:
            visit.plain = plain
            return (yield from _greeting(delivery, verified=True)) if greets else None
        delivery.take_body(*reading)
        delivery.record.signature = refused
    if _is_decided_inside(adapter, delivery):
        visit.pending = True
        return None
    if adapter.is_nowhere():
        visit.pending = True
        return None
    found = found or _routing(adapter)
    if found is not None:
        delivery.routed(found.template, found.handler)
    delivery.say_unanswered()
    decision = yield from delivery.admit()
    return decision if isinstance(decision, Respond) else None


def _greeting(delivery: Delivery, *, verified: bool = False) -> Flow[Respond | None]:
    """The answer to a provider's handshake, where the request is one."""
    questions = delivery.questions(verified=verified)
    return (yield from delivery.greet(questions)) if questions else None


def through(
    adapter: Adapter, visit: Visit, runtime: Runtime, call: Callable[[], Any], outer: Visit | None = None
) -> Flow[Any]:
    """The whole door of a framework whose application is called with a request and returns the answer.

    Verifies, lets the application run, and reports what nobody took for a delivery.

    Args:
        adapter: of the request, as the door sees it.
        visit: made for it.
        runtime: in force when the request came.
        call: calls the application; sync or async as the driver of this flow is.
        outer: of an instrumentor's door outside of this one: what was its, is reported here.

    Returns:
        The application's answer, or ours.
    """
    delivery = visit.delivery
    try:
        refusal = yield from examine(adapter, visit, runtime)
    except BaseException as cancelled:  # nothing else gets out of there
        delivery.end_without_waiting(cancelled)
        raise
    finally:
        if outer is not None:
            outer.taken = True
    if refusal is not None:
        try:
            return (yield from adapter.answer(refusal))
        finally:
            delivery.finish()
    if visit.dismissed:
        return (yield Call(call, call))
    adapter.place(visit)
    delivery.visit = visit
    forget = set_under_way(delivery)
    status: int | None = None
    error: BaseException | None = None
    try:
        try:
            response = yield Call(call, call)
            status = adapter.status_in(response)
        except UnverifiedDelivery:
            delivery.refused, status = True, 500
        except BaseException as raised:
            status = adapter.status_of(raised)
            error = raised if status is None else None
            if not _is_unguarded(visit, runtime, status or 500):
                raise
        else:
            if not _is_unguarded(visit, runtime, status or 500):
                return response
        status, error = 401, None
        return (yield from adapter.answer(unverified(delivery.request)))
    finally:
        forget()
        if not visit.taken and (status not in (404, 405) or adapter.reports_unrouted()):
            report(adapter, visit, runtime, status, error)
        delivery.visit = None


def _is_unguarded(visit: Visit, runtime: Runtime, status: int) -> bool:
    """Whether an answer is withheld: a success that nobody verified, or what was made of a handler's refusal."""
    if visit.pending and not visit.taken and status < 300:
        runtime.say_unguarded(visit.delivery.endpoint, visit.delivery.request.path)
        return True
    return visit.delivery.refused and status >= 500


def _routing(adapter: Adapter) -> Found | None:
    try:
        return adapter.lookup()
    except Exception:  # noqa: BLE001  # the application's routes may need what only a middleware further in gives
        return None


def _is_decided_inside(adapter: Adapter, delivery: Delivery) -> bool:
    """Whether a delivery that failed at the door may be verified by what is only known further in."""
    endpoint = delivery.endpoint
    signature = delivery.record.signature
    if delivery.request.body_problem is not None or (
        signature is not None and signature.reason in ("missing_secret", "unsupported_provider")
    ):
        own_secret = False
    else:
        verifier = endpoint.verifier
        if verifier is not None and verifier.scheme.signs_url and endpoint.options.public_url is None:
            return True  # a proxy middleware further in knows the URL that was called
        if endpoint.asks_request and signature is not None and signature.reason == "verifier_threw":
            return True  # the user's function may need what only a middleware puts into the request
        own_secret = True
    found = _routing(adapter)
    if found is None:
        return False
    inner = marked(found.handler, delivery.record.method)
    return inner is not None and inner is not endpoint and inner.verifies and (own_secret or inner.rejects)


def decoded(body: bytes | None, encoding: str | None, endpoint: Endpoint) -> bytes | None:
    """A body without its Content-Encoding (gzip, deflate), up to `max_body_size`; None where it has none of these."""
    kind = (encoding or "").strip().lower()
    if not body or kind not in ("gzip", "x-gzip", "deflate"):
        return None
    limit = endpoint.options.max_body_size
    for window in (31,) if kind != "deflate" else (15, -15):
        unpacker = zlib.decompressobj(window)
        try:
            plain = unpacker.decompress(body, limit + 1)
        except zlib.error:
            continue
        return plain if unpacker.eof and len(plain) <= limit else None
    return None


def _may_buffer(runtime: Runtime, endpoint: Endpoint, delivery: Delivery) -> bool:
    """Whether the body of a request to a path that is not configured is kept, to tell a lost delivery from a scan."""
    size = delivery.record.body_size
    if size is None or not 0 < size <= PROOF_BYTES or not runtime.verifying(endpoint.options.provider):
        return False
    return runtime.proofs.take()


def report(
    adapter: Adapter, visit: Visit, runtime: Runtime, status: int | None, error: BaseException | None = None
) -> None:
    """Reports a request that concerned a webhook and became nobody's delivery."""
    try:
        delivery = visit.delivery
        if not visit.configured and visit.body is not None:
            delivery.take_body(visit.body)
            _prove(delivery, runtime)
        nearest = None
        if status in (404, 405):
            nearest = _nearest(delivery.record.path, adapter.templates())
        delivery.unhandled(status, error, nearest=nearest)
    except Exception as failure:  # noqa: BLE001  # ours: the answer stands
        runtime.failed("reporting a request", failure)


def _prove(delivery: Delivery, runtime: Runtime) -> None:
    request, record = delivery.request, delivery.record
    for endpoint in islice(runtime.verifying(delivery.endpoint.options.provider), _PROOF_ENDPOINTS):
        verifier = endpoint.verifier
        if verifier is None or request.body is None or verifier.scheme.signs_url:
            continue
        now = record.start_ns / 1e9
        result = verifier.verify(request.body, request.headers, now=now, diagnose=False, fetch=False)
        if record.signature is None or result.valid:
            record.signature = result
        if result.valid:
            return


def _nearest(path: str, templates: Iterable[str]) -> str | None:
    near = difflib.get_close_matches(path, list(islice(templates, _NEAR_ROUTES)), 1, 0.5)
    return near[0] if near else None
