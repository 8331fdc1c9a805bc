"""Django: every kind of view and answer, transactions, and the middleware mounted by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.http import FileResponse, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.urls import include, path
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt
from support import deliveries
from support.calls import PATH
from support.deliveries import BODY, JSON, SECRET

from outworx_otel import TrackOptions, webhook

from .conftest import Telemetry
from .django_apps import UnderDjangoClient

Monitor = Callable[..., None]
STRIPE = TrackOptions("stripe", signature_secret=SECRET)
EVERYWHERE = {"*": STRIPE}
MIDDLEWARE = "outworx_otel.integrations.django.OutworxHooksMiddleware"
BOTH = pytest.mark.parametrize("asgi", [False, True], ids=["wsgi", "asgi"])


def app_with(view: Any, asgi: bool = False, route: str = PATH, **settings: Any) -> UnderDjangoClient:
    return UnderDjangoClient([path(route.lstrip("/"), view)], asgi, settings=settings)


@method_decorator(csrf_exempt, name="dispatch")
class Receiver(View):
    """Takes POST alone."""

    def post(self, request: Any, **parameters: str) -> HttpResponse:
        request.outworx_track.processed()
        return HttpResponse(request.body)


class AsyncReceiver(View):
    """On an event loop."""

    async def post(self, request: Any) -> HttpResponse:
        await asyncio.sleep(0)
        request.outworx_track.processed()
        return HttpResponse(request.body)


@BOTH
def test_class_based_views_are_deliveries(asgi: bool, monitor: Monitor, telemetry: Telemetry) -> None:
    monitor(EVERYWHERE)
    for view in (Receiver.as_view(), AsyncReceiver.as_view()):
        assert app_with(view, asgi).post(BODY, deliveries.stripe()).body == BODY
        assert app_with(view, asgi).post(BODY, JSON).status == 401
        assert app_with(view, asgi).post(BODY, JSON, method="PUT").status == 401
        assert app_with(view, asgi).post(BODY, deliveries.stripe(), method="PUT").status == 405
    assert [span.attributes["outworx.webhook.outcome"] for span in telemetry.deliveries()] == [
        "accepted",
        "rejected",
        "rejected",
        "unrouted",
    ] * 2


@BOTH
def test_included_urls_are_known_by_their_whole_template(
    asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    inner = [path("hook/<str:tenant>/", Receiver.as_view())]
    app = UnderDjangoClient([path("api/", include((inner, "inner")))], asgi)
    monitor({"/api/hook/<str:tenant>/": STRIPE})
    assert app.post(BODY, deliveries.stripe(), "/api/hook/acme/").body == BODY
    assert app.post(BODY, JSON, "/api/hook/acme/").status == 401
    good, _ = telemetry.deliveries()
    assert good.attributes["http.route"] == "/api/hook/<str:tenant>/"
    assert good.attributes["url.path"] == "/api/hook/acme/"


@BOTH
@pytest.mark.parametrize(
    ("method", "where", "status"),
    [("GET", PATH, 405), ("HEAD", PATH, 405), ("OPTIONS", PATH, 200), ("GET", "/nowhere", 404)],
)
def test_what_is_no_delivery_passes_untouched(
    method: str, where: str, status: int, asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(EVERYWHERE)
    assert app_with(Receiver.as_view(), asgi).post(b"", {}, where, method).status == status
    assert telemetry.deliveries() == []


@pytest.fixture
def table() -> Iterator[None]:
    """A table in the test's own database, with every request in a transaction."""
    call_command("migrate", verbosity=0, run_syncdb=True)
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id TEXT)")
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE orders")


def orders() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orders")
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize("fails", [False, True])
def test_a_transaction_per_request_stays_inside_the_delivery(
    fails: bool, table: None, monitor: Monitor, telemetry: Telemetry
) -> None:
    @csrf_exempt
    def view(request: Any) -> HttpResponse:
        assert connection.in_atomic_block
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO orders VALUES ('1')")
        if fails:
            raise RuntimeError("no")
        return HttpResponse("ok")

    monitor(EVERYWHERE)
    answer = app_with(view).post(BODY, deliveries.stripe())
    assert answer.status == (500 if fails else 200)
    assert orders() == (0 if fails else 1)
    assert len(telemetry.deliveries()) == 1


def template(text: str) -> Any:
    return engines["django"].from_string(text)


@BOTH
def test_an_answer_that_is_rendered_later_is_settled_then(
    asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    def view(request: Any) -> TemplateResponse:
        return TemplateResponse(
            request, template("{{ mark }} rendered"), {"mark": request.outworx_track.processed}
        )

    monitor({PATH: TrackOptions("stripe", require_processing_mark=True, capture_body=True)})
    assert app_with(view, asgi).post(BODY, JSON).body == b"None rendered"
    assert telemetry.said("processing.status") == "completed"
    assert telemetry.said("response.body") == "None rendered"


@BOTH
@pytest.mark.parametrize("by_hand", [False, True])
def test_a_rendering_that_raises_is_an_error(
    by_hand: bool, asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    def view(request: Any) -> TemplateResponse:
        return TemplateResponse(request, template("{{ broken }}"), {"broken": lambda: 1 // 0})

    monitor({} if by_hand else {PATH: TrackOptions("stripe")})
    mounted = {"MIDDLEWARE": [MIDDLEWARE], "OUTWORX_HOOKS_OPTIONS": {"provider": "stripe"}}
    app = app_with(view, asgi, **(mounted if by_hand else {}))
    assert app.post(BODY, JSON).status == 500
    assert telemetry.delivery().attributes["error.type"] == "ZeroDivisionError"


def stream() -> Iterator[bytes]:
    yield b"one "
    yield b"two"


async def stream_later() -> Any:
    for part in stream():
        yield part


def broken_stream() -> Iterator[bytes]:
    yield b"one"
    raise RuntimeError("lost the rest")


@pytest.mark.parametrize(("parts", "asgi"), [(stream, False), (stream_later, True)])
def test_a_streamed_answer_passes_and_is_reported(
    parts: Any, asgi: bool, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(EVERYWHERE)
    app = app_with(lambda request: StreamingHttpResponse(parts()), asgi)
    assert app.post(BODY, deliveries.stripe()).body == b"one two"
    assert len(telemetry.deliveries()) == 1


def test_a_stream_that_breaks_off_is_an_error(monitor: Monitor, telemetry: Telemetry) -> None:
    monitor(EVERYWHERE)
    app = app_with(lambda request: StreamingHttpResponse(broken_stream()))
    with pytest.raises(RuntimeError, match="lost"):
        app.post(BODY, deliveries.stripe())
    assert telemetry.delivery().attributes["error.type"] == "RuntimeError"


class Impatient:
    """Throws streamed answers away."""

    def __init__(self, get_response: Any) -> None:
        self._get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        self._get_response(request).close()
        return HttpResponse("instead")


@pytest.mark.parametrize("parts", [stream, stream_later])
def test_a_stream_that_nobody_reads_is_still_reported(
    parts: Any, monitor: Monitor, telemetry: Telemetry
) -> None:
    monitor(EVERYWHERE)
    app = app_with(lambda request: StreamingHttpResponse(parts()), MIDDLEWARE=[f"{__name__}.Impatient"])
    assert app.post(BODY, deliveries.stripe()).body == b"instead"
    assert telemetry.delivery().attributes["http.response.status_code"] == 200


def test_a_file_is_sent_untouched(tmp_path: Any, monitor: Monitor, telemetry: Telemetry) -> None:
    file = tmp_path / "answer.bin"
    file.write_bytes(b"\x00\xff")
    monitor(EVERYWHERE)
    app = app_with(lambda request: FileResponse(file.open("rb")))
    assert app.post(BODY, deliveries.stripe()).body == b"\x00\xff"
    assert len(telemetry.deliveries()) == 1


def test_the_decorator_marks_functions_classes_and_methods(monitor: Monitor, telemetry: Telemetry) -> None:
    class ByMethod(View):
        @webhook("github", signature_secret=SECRET)
        def post(self, request: Any) -> HttpResponse:
            return HttpResponse("method")

    @csrf_exempt
    @webhook("shopify", signature_secret=SECRET)
    def function(request: Any) -> HttpResponse:
        return HttpResponse("function")

    @webhook("stripe", signature_secret=SECRET)
    class Marked(Receiver):
        """Marked as a whole."""

    monitor()
    assert app_with(function).post(BODY, deliveries.shopify()).body == b"function"
    assert app_with(Marked.as_view()).post(BODY, deliveries.stripe()).body == BODY
    assert app_with(ByMethod.as_view()).post(BODY, deliveries.github()).body == b"method"
    assert app_with(ByMethod.as_view()).post(BODY, JSON).status == 401
    assert len(telemetry.deliveries()) == 4
