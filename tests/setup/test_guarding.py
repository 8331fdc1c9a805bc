"""A marked handler that verifies refuses to run outside a verified delivery, whatever takes it for its own."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any

import flask
import pytest
from django.http import HttpResponse
from django.test import RequestFactory
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from fastapi import Depends, FastAPI
from flask.views import MethodView
from integrations.django_apps import UnderDjangoClient
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from support.own_clock import set_clock

from outworx_otel import TrackOptions, UnverifiedDelivery, webhook
from outworx_otel.drops.handlers import functions_behind
from outworx_otel.setup.admission import set_under_way
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.marking import mark, marked
from outworx_otel.testing import trusted

SIGNED = TrackOptions("stripe", signature_secret="whsec_abc")  # noqa: S106


class Verified:
    """A delivery that was verified for these endpoints."""

    track = None

    def __init__(self, *endpoints: Endpoint | None) -> None:
        self._endpoints = endpoints

    def covers(self, endpoint: Endpoint) -> bool:
        return endpoint in self._endpoints

    def refuse(self) -> None:
        """Nothing is made of it here."""


def inside(work: Any, call: Callable[[], Any]) -> Any:
    forget = set_under_way(work)
    try:
        return call()
    finally:
        forget()


def dependency() -> str:
    return "given"


Given = Annotated[str, Depends(dependency)]


@webhook(SIGNED)
def plain(order: int, given: Given = "") -> str:
    """The docstring."""
    return f"{order}{given}"


@webhook(SIGNED)
async def coroutine(order: int, given: Given = "") -> str:
    return f"{order}{given}"


class CalledAsync:
    async def __call__(self, order: int) -> str:
        return f"{order}"


class Called:
    def __call__(self, order: int) -> str:
        return f"{order}"


called_async = webhook(SIGNED)(CalledAsync())
called = webhook(SIGNED)(Called())
of_a_partial = webhook(SIGNED)(functools.partial(lambda order, given: f"{order}{given}", given=""))


def test_the_handler_stays_what_it_was() -> None:
    assert inspect.iscoroutinefunction(coroutine)
    assert asyncio.iscoroutinefunction(coroutine)
    assert not inspect.iscoroutinefunction(plain)
    assert plain.__name__ == "plain"
    assert plain.__doc__ == "The docstring."
    assert plain.__module__ == __name__
    assert plain.__annotations__ == {"order": "int", "given": "Given", "return": "str"}
    assert list(inspect.signature(plain).parameters) == ["order", "given"]
    assert inspect.unwrap(plain)(1) == "1"
    assert inspect.iscoroutinefunction(called_async.__call__)


@pytest.mark.parametrize("handler", [plain, coroutine, called, called_async, of_a_partial])
def test_it_refuses_before_its_body_runs_and_runs_in_its_own_delivery(handler: Any) -> None:
    def run() -> Any:
        answer = handler(1)
        return asyncio.run(answer) if inspect.isawaitable(answer) else answer

    with pytest.raises(UnverifiedDelivery, match="outside a delivery"):
        run()
    with pytest.raises(UnverifiedDelivery, match="for another endpoint"):
        inside(Verified(), run)
    assert inside(Verified(marked(handler, "POST")), run) == "1"
    with trusted():
        assert run() == "1"
    with pytest.raises(UnverifiedDelivery):
        run()


@trusted()
def test_a_test_may_be_trusted_as_a_whole() -> None:
    assert plain(1) == "1"


def test_an_async_function_may_be_trusted_as_a_whole() -> None:
    @trusted()
    async def check() -> str:
        await asyncio.sleep(0)
        return await coroutine(2)

    assert asyncio.run(check()) == "2"
    with pytest.raises(UnverifiedDelivery):
        plain(1)


@pytest.mark.parametrize(
    "options",
    [TrackOptions("stripe"), TrackOptions("stripe", signature_secret="x", reject_invalid_signatures=False)],  # noqa: S106
)
def test_a_handler_that_refuses_nobody_is_left_as_it_is(options: TrackOptions) -> None:
    def handler() -> str:
        return "ran"

    assert webhook(options)(handler) is handler
    assert handler() == "ran"


def test_nobody_is_refused_while_enforcement_only_reports(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OUTWORX_ENFORCE", "report")
    # An hour from now: whatever was said before, it is time to say it again.
    later = time.monotonic() + 3600
    set_clock(monkeypatch, "setup.enforcement", lambda: later)
    assert [plain(n) for n in range(3)] == ["0", "1", "2"]
    assert caplog.text.count("NOBODY IS REFUSED") == 1


def test_the_first_refusal_of_an_endpoint_is_logged_and_says_what_to_do(
    caplog: pytest.LogCaptureFixture,
) -> None:
    handlers = [webhook(SIGNED)(lambda: None) for _ in range(2)]
    for handler in handlers * 3:
        with pytest.raises(UnverifiedDelivery) as raised:
            handler()
    errors = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(errors) == 2
    for text in (errors[0].getMessage(), str(raised.value)):
        for words in (
            "instrument()",
            "OutworxHooksMiddleware",
            "functools.wraps",
            "testing.trusted()",
            "'stripe'",
        ):
            assert words in text
        assert "whsec" not in text


def test_one_function_may_be_marked_for_two_routes() -> None:
    def handler() -> str:
        return "ran"

    first = webhook("stripe", signature_secret="a")(handler)  # noqa: S106
    second = webhook("github", signature_secret="b")(handler)  # noqa: S106
    assert [marked(one, "POST").options.provider for one in (first, second)] == ["stripe", "github"]  # type: ignore[union-attr]
    assert inside(Verified(marked(first, "POST")), first) == "ran"
    with pytest.raises(UnverifiedDelivery):
        inside(Verified(marked(first, "POST")), second)


def test_of_two_marks_on_one_handler_the_outer_one_counts() -> None:
    handler = webhook("github", signature_secret="b")(webhook("stripe", signature_secret="a")(lambda: "ran"))  # noqa: S106
    assert inside(Verified(marked(handler, "POST")), handler) == "ran"


def test_a_mark_without_a_secret_does_not_open_what_is_guarded() -> None:
    handler = webhook("stripe")(webhook("stripe", signature_secret="a")(lambda: "ran"))  # noqa: S106
    with pytest.raises(UnverifiedDelivery):
        inside(Verified(marked(handler, "POST")), handler)


def test_a_decorator_above_that_copies_the_function_keeps_the_mark() -> None:
    @functools.wraps(plain)
    def above(order: int) -> str:
        return plain(order)

    assert marked(above, "POST") is marked(plain, "POST")


def test_marking_alone_guards_nothing() -> None:
    def handler() -> str:
        return "ran"

    assert mark(handler, Endpoint(SIGNED, "decorator"))() == "ran"


def test_a_mark_that_comes_later_is_found() -> None:
    def handler() -> None: ...

    assert marked(handler, "POST") is None
    endpoint = Endpoint(SIGNED, "decorator")
    mark(handler, endpoint)
    assert marked(handler, "POST") is endpoint


def test_what_is_remembered_of_handlers_is_bounded_and_goes_with_them() -> None:
    from outworx_otel.setup import marking

    marking._known.clear()
    for _ in range(100):
        marked(lambda: None, "POST")
    assert len(marking._known) <= 1
    handler = SimpleNamespace()
    for n in range(1000):
        marked(plain, f"X{n}")
    assert len(marking._known[id(plain)][1]) <= 16
    assert marked(handler, "POST") is None


def test_the_code_behind_the_guard_is_what_is_read_for_silent_drops() -> None:
    for handler, name in (
        (plain, "plain"),
        (coroutine, "coroutine"),
        (called, "__call__"),
        (called_async, "__call__"),
    ):
        found, _ = functions_behind(handler)
        assert [function.__code__.co_name for function in found] == [name]

    found, owner = functions_behind(FlaskView)
    assert "post" in [function.__code__.co_name for function in found]
    assert owner is FlaskView


# -- the frameworks take it, and turn what it raises into their own 500 ------------------------------------------


def runs_only_when_trusted(app: FastAPI, path: str, answer: str) -> None:
    client = TestClient(app, raise_server_exceptions=False)
    url = f"/{path}?order=3"
    assert client.post(url).status_code == 500
    with trusted():
        assert client.post(url).text == answer


# Before that FastAPI takes the coroutine of such an object for its answer, guarded or not.
@pytest.mark.needs("fastapi >=0.123.10")
def test_fastapi_takes_an_object_that_is_called_as_a_coroutine_function_through_the_guard() -> None:
    app = FastAPI()
    app.post("/object")(called_async)
    runs_only_when_trusted(app, "object", '"3"')


def test_fastapi_takes_dependencies_and_annotations_through_the_guard() -> None:
    app = FastAPI()
    app.post("/plain")(plain)
    app.post("/coroutine")(coroutine)
    app.post("/object")(called)
    for path, answer in (("plain", '"3given"'), ("coroutine", '"3given"'), ("object", '"3"')):
        runs_only_when_trusted(app, path, answer)
    assert {p["name"] for p in app.openapi()["paths"]["/plain"]["post"]["parameters"]} == {"order"}


@webhook(SIGNED)
class StarletteView(HTTPEndpoint):
    async def post(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("ran")


class StarletteMethod(HTTPEndpoint):
    @webhook(SIGNED)
    async def post(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("ran")

    async def get(self, request: Request) -> PlainTextResponse:
        return PlainTextResponse("open")


def test_starlette_takes_guarded_functions_classes_and_methods() -> None:
    @webhook(SIGNED)
    def function(request: Request) -> PlainTextResponse:
        return PlainTextResponse("ran")

    routes = [
        Route("/f", function, methods=["POST"]),
        Route("/c", StarletteView),
        Route("/m", StarletteMethod),
    ]
    client = TestClient(Starlette(routes=routes), raise_server_exceptions=False)
    for path in ("/f", "/c", "/m"):
        assert client.post(path).status_code == 500
        with trusted():
            assert client.post(path).text == "ran"
    assert client.get("/m").text == "open"


@webhook(SIGNED)
class FlaskView(MethodView):
    def post(self) -> str:
        return "ran"


class FlaskMethod(MethodView):
    @webhook(SIGNED)
    def post(self) -> str:
        return "ran"


def test_flask_takes_guarded_functions_classes_and_methods() -> None:
    app = flask.Flask("shop")
    app.post("/f")(webhook(SIGNED)(lambda: "ran"))
    app.add_url_rule("/c", view_func=FlaskView.as_view("c"))
    app.add_url_rule("/m", view_func=FlaskMethod.as_view("m"))
    client = app.test_client()
    for path in ("/f", "/c", "/m"):
        assert client.post(path).status_code == 500
        with trusted():
            assert client.post(path).text == "ran"


@webhook(SIGNED)
@method_decorator(csrf_exempt, name="dispatch")
class DjangoView(View):
    def post(self, request: Any) -> HttpResponse:
        return HttpResponse("ran")


@method_decorator(csrf_exempt, name="dispatch")
@webhook(SIGNED)
class DjangoOtherOrder(View):
    def post(self, request: Any) -> HttpResponse:
        return HttpResponse("ran")


class DjangoMethod(View):
    @webhook(SIGNED)
    def post(self, request: Any) -> HttpResponse:
        return HttpResponse("ran")


@webhook(SIGNED)
class DjangoAsync(View):
    async def post(self, request: Any) -> HttpResponse:
        return HttpResponse("ran")


@pytest.mark.parametrize("view", [DjangoView, DjangoOtherOrder, DjangoMethod, DjangoAsync])
def test_django_takes_guarded_views(view: Any) -> None:
    UnderDjangoClient([])  # configures the settings
    function = view.as_view()

    def post() -> str:
        answer = function(RequestFactory().post("/"))
        return (asyncio.run(answer) if inspect.isawaitable(answer) else answer).content.decode()

    async def awaited(answer: Any) -> Any:
        return await answer

    with pytest.raises(UnverifiedDelivery):
        post()
    with trusted():
        assert post() == "ran"
    assert marked(function, "POST") is not None
    if view in (DjangoView, DjangoOtherOrder):
        assert function.csrf_exempt


def test_only_the_marked_class_is_guarded() -> None:
    assert View.dispatch.__qualname__ == "View.dispatch"
    assert not hasattr(View.dispatch, "__outworx_webhook__")
    assert type(vars(View)["dispatch"]) is type(plain.__wrapped__)
    assert marked(type("Other", (View,), {}).as_view(), "POST") is None


def test_a_method_with_a_secret_of_its_own_runs_in_a_marked_class() -> None:
    @webhook("github", signature_secret="b")  # noqa: S106
    class Both(View):
        @webhook("stripe", signature_secret="a")  # noqa: S106
        def post(self, request: Any) -> HttpResponse:
            return HttpResponse("post")

        def put(self, request: Any) -> HttpResponse:
            return HttpResponse("put")

    UnderDjangoClient([])
    view = Both.as_view()
    factory = RequestFactory()
    own, classes = marked(view, "POST"), marked(view, "PUT")
    assert own is not classes
    assert inside(Verified(own), lambda: view(factory.post("/"))).content == b"post"
    assert inside(Verified(classes), lambda: view(factory.put("/"))).content == b"put"
    with pytest.raises(UnverifiedDelivery):
        inside(Verified(classes), lambda: view(factory.post("/")))


def test_a_class_that_inherits_from_a_marked_one_may_be_marked_anew() -> None:
    @webhook("github", signature_secret="b")  # noqa: S106
    class Child(FlaskView):
        """Another provider's."""

    app = flask.Flask("shop")
    view = Child.as_view("child")
    endpoint = marked(view, "POST")
    assert endpoint is not None
    assert endpoint.options.provider == "github"
    with app.test_request_context(method="POST"):
        assert inside(Verified(endpoint), view) == "ran"
        with pytest.raises(UnverifiedDelivery):
            inside(Verified(marked(FlaskView.as_view("other"), "POST")), view)


def test_a_class_that_cannot_be_guarded_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="could guard"):
        webhook(SIGNED)(type("Opaque", (), {}))
