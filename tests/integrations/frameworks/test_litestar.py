"""Litestar: where its handlers are found, what else serves a path, and what it answers by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import litestar
import pytest
from door.handlers import asgi_handler
from litestar.background_tasks import BackgroundTask
from litestar.exceptions import NotAuthorizedException
from litestar.middleware import DefineMiddleware
from litestar.routes import HTTPRoute
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

import outworx_otel
from integrations.asgi_apps import UnderTransport
from integrations.conftest import Telemetry
from outworx_otel import TrackOptions, current_track, webhook
from outworx_otel.integrations.litestar import LitestarInstrumentor, OutworxHooksMiddleware

Monitor = Callable[..., None]
SIGNED = TrackOptions("stripe", signature_secret=SECRET)


class Ran(list[Any]):
    """What handlers were given."""

    def handler(self, *, path: str = PATH, method: str = "POST", does: Any = None, **options: Any) -> Any:
        async def hook(request: Any) -> Any:
            self.append(await request.body())
            return "served" if does is None else does()

        hook.__annotations__ = {"request": litestar.Request, "return": Any}
        return litestar.route(path, http_method=[method], status_code=200, **options)(hook)


def app_of(*handlers: Any, **options: Any) -> UnderTransport:
    app = litestar.Litestar(list(handlers), openapi_config=None, logging_config=None, **options)
    return UnderTransport(app)


@pytest.fixture
def ran() -> Ran:
    return Ran()


def statuses(app: Any, **sent: Any) -> list[int]:
    """Of an unsigned delivery, then a genuine one."""
    return [app.post(BODY, headers, **sent).status for headers in (JSON, deliveries.stripe())]


def test_an_application_made_before_is_guarded_too(ran: Ran, monitor: Monitor, telemetry: Telemetry) -> None:
    app = app_of(ran.handler())
    assert app.post(BODY, JSON).status == 200
    monitor({PATH: SIGNED})
    assert statuses(app) == [401, 200]
    assert ran == [BODY, BODY]
    assert telemetry.deliveries()[1].attributes["http.route"] == PATH


def test_a_route_below_routers_and_controllers_has_its_whole_template(
    ran: Ran, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({"/webhooks/{tenant}/stripe": SIGNED})
    route = ran.handler(path="/{tenant:str}/stripe")
    app = app_of(litestar.Router("/webhooks", route_handlers=[route]))
    assert statuses(app, path="/webhooks/acme/stripe") == [401, 200]
    assert {span.attributes["http.route"] for span in telemetry.deliveries()} == {"/webhooks/{tenant}/stripe"}


@pytest.mark.parametrize("method", ["HEAD", "GET", "DELETE"])
def test_a_method_that_rarely_has_a_body_is_closed(method: str, ran: Ran, monitor: Monitor) -> None:
    monitor({PATH: SIGNED})
    assert statuses(app_of(ran.handler(method=method)), method=method) == [401, 200]
    assert ran == [BODY]


def test_a_body_that_a_middleware_has_read_is_the_handlers_too(
    ran: Ran, monitor: Monitor, telemetry: Telemetry
) -> None:
    def reads(app: Any) -> Any:
        async def reading(scope: Any, receive: Any, send: Any) -> None:
            await litestar.Request(scope, receive).body()
            await app(scope, receive, send)

        return reading

    monitor({})
    marked = webhook(SIGNED)
    route = ran.handler(middleware=[reads])
    route = litestar.post(PATH, status_code=200, middleware=[reads])(marked(route.fn))
    assert statuses(app_of(route)) == [401, 200]
    assert ran == [BODY]
    assert telemetry.deliveries()[1].attributes["outworx.webhook.signature.valid"] is True


def test_what_a_guard_refuses_was_turned_away(ran: Ran, monitor: Monitor, telemetry: Telemetry) -> None:
    def guard(connection: Any, handler: Any) -> None:
        raise NotAuthorizedException("not here")

    monitor({PATH: SIGNED})
    assert app_of(ran.handler(guards=[guard])).post(BODY, deliveries.stripe()).status == 401
    assert ran == []
    assert telemetry.said("outcome") == "turned_away"


def test_an_exception_counts_though_a_handler_answers_200_for_it(
    ran: Ran, monitor: Monitor, telemetry: Telemetry
) -> None:
    def fails() -> None:
        raise KeyError("order")

    answers = {KeyError: lambda request, error: litestar.Response("fine", status_code=200)}
    monitor({PATH: TrackOptions("stripe", idempotency_key=True)})
    app = app_of(ran.handler(does=fails), exception_handlers=answers)
    assert [app.post(BODY, JSON).status for _ in "12"] == [200, 200]
    assert len(ran) == 2, "a failed delivery was taken for done"
    assert {span.attributes["outworx.webhook.outcome"] for span in telemetry.deliveries()} == {"error"}


def test_a_mark_in_a_background_task_counts(ran: Ran, monitor: Monitor, telemetry: Telemetry) -> None:
    async def marks() -> None:
        current_track().processed()

    monitor({PATH: TrackOptions("stripe", require_processing_mark=True)})
    app = app_of(ran.handler(does=lambda: litestar.Response("later", background=BackgroundTask(marks))))
    assert app.post(BODY, JSON).status == 200
    assert telemetry.said("processing.status") == "completed"


@pytest.mark.parametrize("made_first", [True, False])
def test_a_mounted_asgi_application_runs_inside_the_delivery(
    made_first: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    bodies: list[bytes] = []

    class Site:
        def ran(self, body: bytes) -> str:
            bodies.append(body)
            return "served"

    mounted = litestar.asgi("/webhooks", is_mount=True, copy_scope=True)(asgi_handler(Site()))  # type: ignore[arg-type]
    app = app_of(mounted) if made_first else None
    monitor({PATH: TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)})
    app = app or app_of(mounted)
    assert statuses(app) == [401, 200]
    again = app.post(BODY, deliveries.stripe())
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert bodies == [BODY]
    assert telemetry.deliveries()[1].attributes["http.route"] == "/webhooks"


@pytest.mark.parametrize(
    ("path", "method", "status"), [(PATH, "PUT", 405), ("/webhooks/strype", "POST", 404)]
)
def test_what_no_route_serves_is_seen(
    path: str, method: str, status: int, ran: Ran, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor({path: SIGNED})
    app = app_of(ran.handler())
    assert app.post(BODY, deliveries.stripe(), path=path, method=method).status == status
    assert telemetry.said("outcome") == "unrouted"
    assert telemetry.said("nearest_route") == PATH
    assert telemetry.said("signature.valid") is True


def test_what_concerns_no_webhook_passes_untouched(ran: Ran, monitor: Monitor, telemetry: Telemetry) -> None:
    seen: list[Any] = []

    def looks(app: Any) -> Any:
        async def looking(scope: Any, receive: Any, send: Any) -> None:
            seen.append((receive.__qualname__, [key for key in scope if "outworx" in str(key)]))
            await app(scope, receive, send)

        return looking

    monitor({PATH: SIGNED})
    app = app_of(ran.handler(path="/orders", middleware=[looks]))
    assert app.post(BODY, JSON, path="/orders").status == 200
    assert telemetry.spans() == []
    assert not any("outworx" in name.lower() or keys for name, keys in seen)


def test_by_hand_it_is_litestars_own_way_to_add_middleware(
    ran: Ran, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = DefineMiddleware(OutworxHooksMiddleware, options=SIGNED)
    app = app_of(ran.handler(middleware=[by_hand]), ran.handler(path="/orders", method="GET"))
    assert statuses(app) == [401, 200]
    assert ran == [BODY]


def test_by_hand_and_instrumented_is_one_delivery(ran: Ran, monitor: Monitor, telemetry: Telemetry) -> None:
    options = TrackOptions("stripe", signature_secret=SECRET, idempotency_key=True)
    monitor({PATH: options})
    app = app_of(ran.handler(middleware=[DefineMiddleware(OutworxHooksMiddleware, options=options)]))
    assert statuses(app) == [401, 200]
    assert len(telemetry.deliveries()) == 2


def test_one_application_is_instrumented_and_the_other_is_not(ran: Ran, telemetry: Telemetry) -> None:
    guarded, other = app_of(ran.handler()), app_of(ran.handler())
    LitestarInstrumentor.instrument_app(
        guarded.app, endpoints={PATH: SIGNED}, tracer_provider=telemetry.tracer_provider
    )
    assert (statuses(guarded), statuses(other)) == ([401, 200], [200, 200])
    LitestarInstrumentor.uninstrument_app(guarded.app)
    assert statuses(guarded) == [200, 200]


def test_uninstrument_puts_the_very_objects_back(monitor: Monitor) -> None:
    def patched() -> list[Any]:
        return [vars(patch._owner)[patch._name] for patch in LitestarInstrumentor.patches]

    before = patched()
    assert before[0] is vars(litestar.Litestar)["__call__"]
    for _ in range(2):
        monitor({PATH: SIGNED})
        assert all(now is not then for now, then in zip(patched(), before, strict=True))
        outworx_otel.uninstrument()
        assert all(now is then for now, then in zip(patched(), before, strict=True))
    assert vars(HTTPRoute)["_get_response_for_request"] is before[2]
