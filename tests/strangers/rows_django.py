"""Django Ninja and Django REST framework: dispatchers that hide their handlers from the URLconf."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from django.urls import path as url
from door.rows_plain import DJANGO_BY_HAND, ONE
from door.sending import django_asgi, django_wsgi
from door.site import Rows, Send, Site
from ninja import NinjaAPI
from rest_framework.decorators import api_view
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.urlpatterns import format_suffix_patterns
from rest_framework.views import APIView
from rest_framework.viewsets import ViewSet
from support.calls import PATH

ROWS = Rows()
Urls = Callable[[Site, bool], list[Any]]


def _ninja_urls(site: Site, operation: Any) -> list[Any]:
    api = NinjaAPI(urls_namespace=uuid4().hex)
    api.post("/stripe")(operation)
    return [url("webhooks/", api.urls)]


def ninja_sync(site: Site, marked: bool) -> list[Any]:
    def hook(request: Any) -> str:
        return site.ran(request.body)

    return _ninja_urls(site, site.marked(hook) if marked else hook)


def ninja_async(site: Site, marked: bool) -> list[Any]:
    async def hook(request: Any) -> str:
        return site.ran(request.body)

    return _ninja_urls(site, site.marked(hook) if marked else hook)


def ninja_router(site: Site, marked: bool) -> list[Any]:
    from ninja import Router

    def hook(request: Any) -> str:
        return site.ran(request.body)

    api, router = NinjaAPI(urls_namespace=uuid4().hex), Router()
    router.post("/stripe")(site.marked(hook) if marked else hook)
    api.add_router("/webhooks", router)
    return [url("", api.urls)]


NINJA: dict[str, Urls] = {
    "sync operation": ninja_sync,
    "async operation": ninja_async,
    "operation of a router": ninja_router,
}


def drf_function(site: Site, marked: bool) -> list[Any]:
    def hook(request: Any, **others: Any) -> Response:
        return Response(site.ran(request.body))

    return [url(PATH[1:], api_view(["POST"])(site.marked(hook) if marked else hook))]


def drf_class(site: Site, marked: bool) -> list[Any]:
    def post(self: Any, request: Any, **others: Any) -> Response:
        return Response(site.ran(request.body))

    hook = type("Hook", (APIView,), {"post": site.marked(post) if marked else post})
    return [url(PATH[1:], hook.as_view())]


def drf_view_set(site: Site, marked: bool) -> list[Any]:
    def create(self: Any, request: Any, **others: Any) -> Response:
        return Response(site.ran(request.body))

    hook = type("Hook", (ViewSet,), {"create": site.marked(create) if marked else create})
    router = SimpleRouter(trailing_slash=False)
    router.register("webhooks/stripe", hook, basename="hook")
    return router.urls


REST: dict[str, Urls] = {
    "function": drf_function,
    "class": drf_class,
    "view set": drf_view_set,
}
# Its default looks for a user, which needs django.contrib.auth.
QUIET = {"REST_FRAMEWORK": {"UNAUTHENTICATED_USER": None, "DEFAULT_AUTHENTICATION_CLASSES": []}}


def _configured(send: Any, urls: Urls, path: str = PATH, **settings: Any) -> Any:
    def build(site: Site) -> Send:
        site.instrument()
        return send(urls(site, False), path=path, **settings)

    return build


def _by_hand(send: Any, urls: Urls, path: str = PATH, **settings: Any) -> Any:
    def build(site: Site) -> Send:
        adapter = [DJANGO_BY_HAND] if site.guarded else []
        return send(urls(site, False), path=path, MIDDLEWARE=adapter, OUTWORX_ROUTES=ONE, **settings)

    return build


def _marked(send: Any, urls: Urls, instrumented: bool, path: str = PATH, **settings: Any) -> Any:
    def build(site: Site) -> Send:
        if instrumented:
            site.instrument({})
        return send(urls(site, True), path=path, **settings)

    return build


UNSEEN: dict[str, Any] = {"genuine_runs": False, "refusals": frozenset({401, 500}), "reported": False}

for _name, _urls in NINJA.items():
    for _protocol, _send in (("WSGI", django_wsgi), ("ASGI", django_asgi)):
        _title = f"ninja {_name}, {_protocol}"
        ROWS.add(f"{_title}, its path configured")(_configured(_send, _urls))
        ROWS.add(f"{_title}, adapter by hand")(_by_hand(_send, _urls))
        ROWS.add(f"{_title}, marked, instrumented", genuine_runs=None)(_marked(_send, _urls, True))
        ROWS.add(f"{_title}, marked, nothing instrumented", **UNSEEN)(_marked(_send, _urls, False))

for _name, _urls in REST.items():
    _title = f"rest framework {_name}"
    ROWS.add(f"{_title}, its path configured")(_configured(django_wsgi, _urls, **QUIET))
    ROWS.add(f"{_title}, adapter by hand")(_by_hand(django_wsgi, _urls, **QUIET))
    ROWS.add(f"{_title}, marked, instrumented")(_marked(django_wsgi, _urls, True, **QUIET))
    ROWS.add(f"{_title}, marked, nothing instrumented", **UNSEEN)(_marked(django_wsgi, _urls, False, **QUIET))


def _suffixed(urls: Urls) -> Urls:
    return lambda site, marked: format_suffix_patterns(urls(site, marked))


for _name in ("function", "class"):
    _urls, _title = _suffixed(REST[_name]), f"rest framework {_name}, format_suffix_patterns"
    ROWS.add(f"{_title}, its path configured")(_configured(django_wsgi, _urls, path=PATH + ".json", **QUIET))
    ROWS.add(f"{_title}, adapter by hand")(_by_hand(django_asgi, _urls, path=PATH + ".json", **QUIET))
    ROWS.add(f"{_title}, marked, instrumented")(
        _marked(django_wsgi, _urls, True, path=PATH + ".json", **QUIET)
    )
