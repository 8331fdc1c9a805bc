"""No spelling of a request, and no way of mounting or marking a handler, gets an unsigned delivery past its check."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flask
import pytest
from django.http import HttpResponse
from django.urls import path as url
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from fastapi import FastAPI
from flask.views import View as FlaskView
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route
from support import deliveries
from support.calls import PATH, Answer
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions, webhook
from outworx_otel.integrations.asgi import OutworxHooksMiddleware as AnyASGIMiddleware
from outworx_otel.integrations.flask import with_webhook_monitoring
from outworx_otel.integrations.starlette import OutworxHooksMiddleware

from .asgi_apps import UnderTestClient
from .asgi_wire import Wire, parts
from .conftest import Telemetry
from .django_apps import UnderDjangoClient
from .flask_apps import UnderFlaskClient

Monitor = Callable[..., None]
Post = Callable[[Any], Answer]
SIGNED = TrackOptions("stripe", signature_secret=SECRET)
GUESSED = {**JSON, "x-github-event": "push"}


async def served(request: Request) -> Response:
    return PlainTextResponse("served")


def marked(options: TrackOptions = SIGNED) -> Any:
    """A handler of its own: a mark on `served` would stay for the tests that come after."""

    async def hook(request: Request) -> Response:
        return await served(request)

    return webhook(options)(hook)


def only_the_signed_one_is_served(post: Post, headers: dict[str, str] = JSON) -> None:
    assert post(headers).status == 401
    assert post({**headers, **deliveries.stripe()}).status == 200


@pytest.mark.parametrize("path", [PATH, f"{PATH}%0A"])
@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_starlette_path_however_it_is_spelt(path: str, prefix: str, monitor: Monitor) -> None:
    monitor({PATH: SIGNED})
    app = Starlette(routes=[Route(PATH, served, methods=["POST"])])

    def post(headers: Any) -> Answer:
        client = UnderTestClient(app)
        if not prefix:
            return client.post(BODY, headers, path)
        answer = Wire(app, parts(BODY)).run(
            {**headers, "content-length": str(len(BODY))},
            prefix + path.replace("%0A", "\n"),
            root_path=prefix,
        )
        assert answer is not None
        return answer

    only_the_signed_one_is_served(post)


def test_a_mounted_middleware_finds_its_paths_below_a_prefix() -> None:
    options = TrackOptions("stripe", signature_secret=SECRET, paths=[PATH])
    app = Starlette(
        routes=[Route(PATH, served, methods=["POST"])],
        middleware=[Middleware(OutworxHooksMiddleware, options=options)],
    )
    for path, prefix in ((f"{PATH}\n", ""), (f"/api{PATH}", "/api")):
        sent = Wire(app, parts(BODY)).run({"content-length": str(len(BODY))}, path, root_path=prefix)
        assert sent is not None
        assert sent.status == 401


@pytest.mark.parametrize("others", [{}, {"/x/*": TrackOptions("stripe")}])
def test_a_script_name_that_the_caller_chose_changes_nothing(others: Any, monitor: Monitor) -> None:
    monitor({PATH: SIGNED, **others})
    app = flask.Flask("shop")
    app.add_url_rule(PATH, view_func=lambda: "served", endpoint="view", methods=["POST"])
    flask_client = UnderFlaskClient(app)
    only_the_signed_one_is_served(
        lambda headers: flask_client.post(BODY, headers, base_url="http://localhost/x")
    )
    django_client = UnderDjangoClient([url(PATH[1:], csrf_exempt(lambda request: HttpResponse("served")))])
    only_the_signed_one_is_served(lambda headers: django_client.post(BODY, headers, SCRIPT_NAME="/x"))


def test_djangos_routes_setting_finds_its_paths_below_a_prefix() -> None:
    settings = {
        "MIDDLEWARE": ["outworx_otel.integrations.django.OutworxHooksMiddleware"],
        "OUTWORX_ROUTES": {PATH: SIGNED},
    }
    view = csrf_exempt(lambda request: HttpResponse("served"))
    client = UnderDjangoClient([url(PATH[1:], view)], settings=settings)
    assert client.post(BODY, JSON, SCRIPT_NAME="/x").status == 401


def test_a_marked_view_needs_no_line_in_djangos_routes_setting() -> None:
    settings = {
        "MIDDLEWARE": ["outworx_otel.integrations.django.OutworxHooksMiddleware"],
        "OUTWORX_ROUTES": {"/another": SIGNED},
    }
    view = csrf_exempt(webhook(SIGNED)(lambda request: HttpResponse("served")))
    client = UnderDjangoClient([url(PATH[1:], view)], settings=settings)
    only_the_signed_one_is_served(lambda headers: client.post(BODY, headers))


def test_a_strangers_header_does_not_switch_off_a_check_further_inside(
    monitor: Monitor, telemetry: Telemetry
) -> None:
    """The header makes a delivery of the outer route's request, on a guess; the check is the inner one's."""
    monitor()
    inside = Starlette(routes=[Route("/in/hook", marked(), methods=["POST"])])

    class Inside:
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await inside(scope, receive, send)

    outside = UnderTestClient(Starlette(routes=[Route("/in/{rest:path}", Inside())]))
    only_the_signed_one_is_served(lambda headers: outside.post(BODY, headers, "/in/hook"), GUESSED)

    app = flask.Flask("shop")
    handlers = {"stripe": with_webhook_monitoring(SIGNED)(lambda: "served")}
    app.add_url_rule("/hooks/<name>", view_func=lambda name: handlers[name](), endpoint="v", methods=["POST"])
    only_the_signed_one_is_served(
        lambda headers: UnderFlaskClient(app).post(BODY, headers, "/hooks/stripe"), GUESSED
    )
    verdicts = [
        (span.attributes or {}).get("outworx.webhook.signature.valid") for span in telemetry.deliveries()
    ]
    assert sorted(map(str, verdicts)) == ["False", "False", *["None"] * 4, "True", "True"]


@pytest.mark.parametrize("middleware", [AnyASGIMiddleware, OutworxHooksMiddleware])
def test_an_adapter_outside_that_verifies_nothing_leaves_the_decorators_check_in_force(
    middleware: Any, monitor: Monitor
) -> None:
    monitor()
    hook = Route("/in/hook", marked(), methods=["POST"])
    watched = TrackOptions("stripe")
    inner = Starlette(routes=[hook])
    outermost = UnderTestClient(middleware(inner, options=watched))
    only_the_signed_one_is_served(lambda headers: outermost.post(BODY, headers, "/in/hook"))
    mounts = (
        Mount("/", app=functools.partial(inner.__call__)),
        Host("testserver", app=inner),
    )
    for mount in mounts:
        app = Starlette(routes=[mount], middleware=[Middleware(middleware, options=watched)])
        client = UnderTestClient(app)
        only_the_signed_one_is_served(lambda headers, client=client: client.post(BODY, headers, "/in/hook"))


def test_a_delivery_that_was_verified_is_not_verified_again(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor()
    app = Starlette(routes=[Route("/hook", marked(), methods=["POST"])])
    client = UnderTestClient(OutworxHooksMiddleware(app, options=SIGNED))
    only_the_signed_one_is_served(lambda headers: client.post(BODY, headers, "/hook"))
    assert len(telemetry.deliveries()) == 2


def test_a_body_in_chunks_is_verified_whatever_length_is_announced_beside_it(monitor: Monitor) -> None:
    seen: list[bytes] = []

    def check(raw: bytes, headers: Any) -> bool:
        seen.append(bytes(raw))
        return True

    async def reads(request: Request) -> Response:
        return Response(await request.body())

    monitor({PATH: TrackOptions("custom", signature_verifier=check)})
    app = Starlette(routes=[Route(PATH, reads, methods=["POST"])])
    answer = Wire(app, parts(BODY)).run({"content-length": "0", "transfer-encoding": "chunked"})
    assert answer is not None
    assert seen == [BODY] == [answer.body]


def test_a_starlette_endpoint_of_any_kind_is_checked(monitor: Monitor) -> None:
    monitor()

    @webhook(SIGNED)
    class OwnDispatch(HTTPEndpoint):
        async def dispatch(self) -> None:
            await PlainTextResponse("served")(self.scope, self.receive, self.send)

    class MarkedDispatch(HTTPEndpoint):
        @webhook(SIGNED)
        async def dispatch(self) -> None:
            await PlainTextResponse("served")(self.scope, self.receive, self.send)

    class Called:
        @webhook(SIGNED)
        def __call__(self) -> str:
            return "served"

    app = FastAPI()
    app.router.routes += [Route("/own", OwnDispatch), Route("/marked", MarkedDispatch)]
    app.post("/called")(Called())
    for path in ("/own", "/marked", "/called"):
        only_the_signed_one_is_served(
            lambda headers, path=path: UnderTestClient(app).post(BODY, headers, path)
        )


@pytest.mark.needs("fastapi >=0.123.10")
def test_an_object_that_is_called_as_a_coroutine_function_is_checked(monitor: Monitor) -> None:
    monitor()

    class Called:
        @webhook(SIGNED)
        async def __call__(self) -> str:
            return "served"

    app = FastAPI()
    app.post("/called")(Called())
    only_the_signed_one_is_served(lambda headers: UnderTestClient(app).post(BODY, headers, "/called"))


def test_a_method_in_lower_case_is_no_way_round(monitor: Monitor) -> None:
    class Receives(HTTPEndpoint):
        async def post(self, request: Request) -> Response:
            return PlainTextResponse("served")

    monitor({PATH: SIGNED})
    app = Starlette(routes=[Route(PATH, Receives)])
    answer = Wire(app, parts(BODY)).run({"content-length": str(len(BODY))}, method="post")
    assert answer is not None
    assert answer.status in (401, 405)


def test_a_flask_view_class_is_checked_where_its_own_method_is_marked(monitor: Monitor) -> None:
    monitor()

    class Receives(FlaskView):
        methods = ("POST",)

        @webhook(SIGNED)
        def dispatch_request(self) -> str:
            return "served"

    app = flask.Flask("shop")
    app.add_url_rule(PATH, view_func=Receives.as_view("hook"))
    only_the_signed_one_is_served(lambda headers: UnderFlaskClient(app).post(BODY, headers))


def test_a_django_view_class_with_a_dispatch_of_its_own_is_checked(monitor: Monitor) -> None:
    monitor({"/configured": SIGNED})

    @webhook(SIGNED)
    @method_decorator(csrf_exempt, name="dispatch")
    class Marked(View):
        def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            return HttpResponse("served")

    @method_decorator(csrf_exempt, name="dispatch")
    class Plain(View):
        def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            return HttpResponse("served")

    client = UnderDjangoClient([url("marked", Marked.as_view()), url("configured", Plain.as_view())])
    for path in ("/marked", "/configured"):
        only_the_signed_one_is_served(lambda headers, path=path: client.post(BODY, headers, path))


@pytest.mark.parametrize("where", ["decorator", "endpoints"])
def test_options_in_code_without_a_secret_leave_a_files_verification_standing(
    where: str, monitor: Monitor, telemetry: Telemetry, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "outworx.toml").write_text(
        f'[endpoints."/hook"]\nprovider = "stripe"\nsignature_secret = "{SECRET}"\n'
    )
    monitor()
    decorated = marked(TrackOptions("stripe"))
    app = UnderTestClient(Starlette(routes=[Route("/hook", decorated, methods=["POST"])]))

    for _ in range(2):
        assert app.post(BODY, JSON, "/hook").status == 401
        assert app.post(BODY, deliveries.stripe(), "/hook").status == 200

    said = [
        record.getMessage() for record in caplog.records if "goes on to be verified" in record.getMessage()
    ]
    assert len(said) == 1
    assert "'/hook'" in said[0]
    assert "outworx.toml" in said[0]
    assert SECRET not in said[0]
