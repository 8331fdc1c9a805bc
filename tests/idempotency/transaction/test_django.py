"""`django://`: a view is one transaction with the key of its event."""

from __future__ import annotations

import contextlib
import itertools
import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pymysql
import pytest
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections, transaction
from django.http import HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import TemplateResponse
from django.test import override_settings
from django.urls import path as url
from django.views.decorators.csrf import csrf_exempt
from integrations.conftest import Telemetry
from integrations.django_apps import UnderDjangoClient, _Urls
from sqlalchemy import make_url, text
from support.calls import PATH

import outworx_otel
from outworx_otel import ConfigurationError

from .conftest import PLACES
from .databases import Place
from .shops import BODY, JSON

Configure = Callable[..., None]
_numbers = itertools.count()


ENGINES = {"postgresql": "postgresql", "sqlite": "sqlite3", "mariadb": "mysql"}


@contextlib.contextmanager
def known_to_django(place: Place, kind: str) -> Iterator[Place]:
    """The place with a name in DATABASES."""
    if kind == "mariadb":
        pymysql.install_as_MySQLdb()
    address = make_url(place.url)
    place.alias = f"shop{next(_numbers)}"
    given = {
        "ENGINE": f"django.db.backends.{ENGINES[kind]}",
        "NAME": address.database,
        "USER": address.username,
        "PASSWORD": address.password,
        "HOST": address.host,
        "PORT": address.port,
    }
    connections.settings[place.alias] = connections.configure_settings({"default": {}, place.alias: given})[
        place.alias
    ]
    place.store = f"django://{place.alias}?table={place.keys}&lock_timeout=30"
    yield place
    connections[place.alias].close()
    del connections.settings[place.alias]


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest, place_on: Callable[[str], Place]) -> Iterator[Place]:
    """A database that is one of Django's too."""
    with known_to_django(place_on(request.param), request.param) as place:
        yield place


def effect(place: Place) -> None:
    with connections[place.alias].cursor() as cursor:
        cursor.execute(place.effect.replace(":event", "%s"), ["evt_1"])


def serve(view: Callable[[Any], Any], **kinds: Any) -> UnderDjangoClient:
    return UnderDjangoClient([url(PATH.lstrip("/"), view)], **kinds)


@pytest.fixture
def here(place: Place, configure: Configure) -> Place:
    configure(place.store, require_processing_mark=True)
    return place


def test_a_done_event_is_answered_byte_for_byte(here: Place, telemetry: Telemetry) -> None:
    def view(request: Any) -> HttpResponse:
        effect(here)
        request.outworx_track.processed()
        return HttpResponse(b"\x00\xff", status=201, content_type="application/x-thing")

    client = serve(view)
    first, second = client.post(BODY, JSON), client.post(BODY, JSON)
    assert (first.status, first.body) == (second.status, second.body) == (201, b"\x00\xff")
    assert second.headers["content-type"] == "application/x-thing"
    assert here.effects() == 1
    done, replayed = telemetry.deliveries()
    assert done.attributes["outworx.webhook.idempotency.mode"] == "transaction"
    assert done.attributes["outworx.webhook.idempotency.committed"] is True
    assert [link.context.span_id for link in replayed.links] == [done.context.span_id]


@pytest.mark.parametrize("ending", ["500", "404", "302", "raises", "refuses", "failed", "silent drop"])
def test_what_is_not_done_is_rolled_back_with_its_cause(
    ending: str, here: Place, telemetry: Telemetry
) -> None:
    seen = []

    def view(request: Any) -> HttpResponse:
        seen.append(request)
        effect(here)
        if len(seen) > 1:
            request.outworx_track.processed()
            return HttpResponse("done")
        if ending == "raises":
            raise RuntimeError("no")
        if ending == "refuses":
            raise PermissionDenied
        if ending == "failed":
            request.outworx_track.failed("no stock")
        return HttpResponse(status=int(ending) if ending.isdecimal() else 200)

    client = serve(view)
    client.post(BODY, JSON)
    assert here.effects() == 0
    assert here.rows() == []
    assert client.post(BODY, JSON).status == 200
    assert here.effects() == 1
    first = telemetry.deliveries()[0]
    (event,) = [event for event in first.events if event.name == "outworx.webhook.rolled_back"]
    expected = {"raises": "no", "refuses": "", "failed": "failed: no stock"}
    cause = expected.get(ending, f"answered {ending}" if ending.isdecimal() else "silent drop")
    assert str(event.attributes["exception.message"]).startswith(cause)
    assert first.attributes["outworx.webhook.idempotency.committed"] is False


@pytest.mark.parametrize("mark", ["ignored", "defer"])
def test_ignored_and_deferred_commit(mark: str, here: Place) -> None:
    def view(request: Any) -> HttpResponse:
        getattr(request.outworx_track, mark)()
        effect(here)
        return HttpResponse("done")

    client = serve(view)
    client.post(BODY, JSON)
    client.post(BODY, JSON)
    assert here.effects() == 1


def test_what_a_view_does_with_transactions_itself(here: Place) -> None:
    """ATOMIC_REQUESTS, savepoints, `on_commit`."""
    committed = []

    def view(request: Any) -> HttpResponse:
        transaction.on_commit(lambda: committed.append(here.effects()), using=here.alias)
        with contextlib.suppress(RuntimeError), transaction.atomic(using=here.alias):
            effect(here)
            raise RuntimeError
        with transaction.atomic(using=here.alias):
            effect(here)
        request.outworx_track.processed()
        return HttpResponse("done")

    connections[here.alias].settings_dict["ATOMIC_REQUESTS"] = True
    client = serve(view)
    client.post(BODY, JSON)
    client.post(BODY, JSON)
    assert here.effects() == 1
    assert committed == [1]


def test_rows_that_a_view_locks_are_locked_until_the_key_is_there(here: Place) -> None:
    """`select_for_update()`, which Django allows in a transaction alone."""
    with here.engine.begin() as connection:
        connection.execute(text(here.effect), {"event": "stock"})

    def view(request: Any) -> HttpResponse:
        stock = ledger_of(here).objects.using(here.alias).select_for_update()
        assert [one.event for one in stock.filter(event="stock")] == ["stock"]
        effect(here)
        request.outworx_track.processed()
        return HttpResponse("done")

    client = serve(view)
    assert [client.post(BODY, JSON).status for _ in range(2)] == [200, 200]
    assert here.effects() == 1


def ledger_of(place: Place) -> Any:
    """Its table as a model of Django's."""
    from django.db import models

    fields = {"event": models.CharField(max_length=64), "__module__": __name__}
    fields["Meta"] = type("Meta", (), {"db_table": place.ledger, "app_label": "shop", "managed": False})
    return type(f"Ledger{next(_numbers)}", (models.Model,), fields)


def test_what_is_done_in_another_database_is_not_undone(
    here: Place, place_on: Callable[[str], Place]
) -> None:
    """Of several aliases, the one that the store names has the transaction."""
    with known_to_django(place_on("postgresql"), "postgresql") as other:

        def view(request: Any) -> HttpResponse:
            effect(here)
            effect(other)
            assert connections[here.alias].in_atomic_block
            assert not connections[other.alias].in_atomic_block
            return HttpResponse(status=500)

        serve(view).post(BODY, JSON)
        assert (here.effects(), other.effects()) == (0, 1)


def test_csrf_is_checked_before_and_an_exempt_view_is_in_the_transaction(here: Place) -> None:
    def view(request: Any) -> HttpResponse:
        effect(here)
        request.outworx_track.processed()
        return HttpResponse("done")

    checks: dict[str, Any] = {
        "settings": {"MIDDLEWARE": ["django.middleware.csrf.CsrfViewMiddleware"]},
        "enforce_csrf_checks": True,
    }
    assert serve(view, **checks).post(BODY, JSON).status == 403
    assert (here.effects(), here.rows()) == (0, [])
    client = serve(csrf_exempt(view), **checks)
    assert [client.post(BODY, JSON).status for _ in range(2)] == [200, 200]
    assert here.effects() == 1


def test_an_answer_that_is_rendered_later_is_kept_once_it_is(here: Place) -> None:
    def view(request: Any) -> TemplateResponse:
        effect(here)
        request.outworx_track.processed()
        return TemplateResponse(
            request, engines["django"].from_string("{{ word }}"), {"word": "done"}, status=202
        )

    client = serve(view)
    first, second = client.post(BODY, JSON), client.post(BODY, JSON)
    assert (first.status, first.body) == (second.status, second.body) == (202, b"done")
    assert here.effects() == 1


def test_a_streamed_answer_is_done_without_its_body(here: Place) -> None:
    def view(request: Any) -> StreamingHttpResponse:
        effect(here)
        request.outworx_track.processed()
        return StreamingHttpResponse(iter([b"a", b"b"]))

    client = serve(view)
    assert client.post(BODY, JSON).body == b"ab"
    assert (client.post(BODY, JSON).status, here.effects()) == (200, 1)


def test_two_that_race_take_effect_once(here: Place) -> None:
    start = threading.Barrier(2)

    def view(request: Any) -> HttpResponse:
        effect(here)
        request.outworx_track.processed()
        return HttpResponse("done")

    client = serve(view)

    def post() -> int:
        start.wait(30)
        try:
            return client.post(BODY, JSON).status
        finally:
            connections[here.alias].close()

    with ThreadPoolExecutor(2) as threads:
        statuses = [one.result(60) for one in [threads.submit(post) for _ in range(2)]]
    assert sorted(statuses) in ([200, 200], [200, 409])
    assert here.effects() == 1


def test_a_view_of_rest_framework(here: Place) -> None:
    from rest_framework.response import Response
    from rest_framework.views import APIView

    class View(APIView):
        def post(self, request: Any) -> Response:
            effect(here)
            outworx_otel.current_track().processed()
            return Response({"id": request.data["id"]}, 201)

    nobody = {"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}
    client = serve(View.as_view(), settings={"REST_FRAMEWORK": nobody})
    first, second = client.post(BODY, JSON), client.post(BODY, JSON)
    assert first.status == second.status == 201
    assert json.loads(first.body) == json.loads(second.body) == {"id": "evt_1"}
    assert here.effects() == 1


def test_a_delivery_without_a_key_runs_unprotected(here: Place, telemetry: Telemetry) -> None:
    def view(request: Any) -> HttpResponse:
        effect(here)
        request.outworx_track.processed()
        return HttpResponse("done")

    client = serve(view)
    for _ in range(2):
        client.post(b"{}", JSON)
    assert here.effects() == 2
    assert telemetry.deliveries()[0].attributes["outworx.webhook.idempotency.outcome"] == "no_key"


async def async_view(request: Any) -> HttpResponse:
    return HttpResponse("done")


def test_an_async_view_is_an_error_at_start(here: Place) -> None:
    urls = _Urls(urlpatterns=[url(PATH.lstrip("/"), async_view)])
    with (
        override_settings(ROOT_URLCONF=urls),
        pytest.raises(ConfigurationError, match="async_view is an async"),
    ):
        WSGIHandler()


def test_a_database_that_is_not_there_is_an_error_at_start(configure: Configure) -> None:
    configure("django://nowhere")
    urls = _Urls(urlpatterns=[])
    with override_settings(ROOT_URLCONF=urls), pytest.raises(ConfigurationError, match="'nowhere'"):
        WSGIHandler()


@pytest.mark.parametrize("begun", [False, True])
def test_djangos_connection_is_a_session_too(begun: bool, place: Place, configure: Configure) -> None:
    """With `transaction://`, alone or in a transaction of the view's own."""
    configure(f"transaction://?table={place.keys}")

    def view(request: Any) -> HttpResponse:
        with request.outworx_track.once(connections[place.alias]):
            effect(place)
        return HttpResponse("done")

    connections[place.alias].settings_dict["ATOMIC_REQUESTS"] = begun
    client = serve(view)
    first, second = client.post(BODY, JSON), client.post(BODY, JSON)
    assert (first.status, second.status, second.body) == (200, 200, b"done")
    assert place.effects() == 1


def test_a_commit_that_fails_leaves_nothing(here: Place) -> None:
    """A constraint that is checked at the commit."""
    if "postgresql" not in here.url:
        return
    late = f"ALTER TABLE {here.ledger} ADD UNIQUE (event) DEFERRABLE INITIALLY DEFERRED"
    with here.engine.begin() as connection:
        connection.execute(text(late))
        connection.execute(text(here.effect), {"event": "evt_1"})

    def view(request: Any) -> HttpResponse:
        effect(here)
        request.outworx_track.processed()
        return HttpResponse("done")

    assert serve(view).post(BODY, JSON).status == 500
    assert here.effects() == 1
    assert here.rows() == []
