"""Django applications under its WSGI and its ASGI handler, with `def` and `async def` views."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import django
from django.conf import settings
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, override_settings
from django.urls import path as url
from support.calls import PATH, Answer, Call, Handler, Reply, pairs

if not settings.configured:
    settings.configure(
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="only for tests",  # noqa: S106
        MIDDLEWARE=[],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
        USE_TZ=True,
    )
    django.setup()

_REFUSALS = {404: Http404, 403: PermissionDenied, 400: BadRequest}
_SPECIAL = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH"}


def django_response(reply: Reply) -> HttpResponse | StreamingHttpResponse:
    made = HttpResponse if isinstance(reply.body, bytes) else StreamingHttpResponse
    response = made(
        reply.body, status=reply.status, headers=dict(reply.headers), content_type=reply.content_type or None
    )
    if not reply.content_type:
        del response.headers["content-type"]
    return response


def django_call(request: Any, reads: bool = True) -> Call:
    body = request.body if reads else b""
    return Call(body, getattr(request, "outworx_track", None), request)


@dataclass
class UnderDjangoClient:
    """Django's test clients: `Client` drives the WSGI handler, `AsyncClient` the ASGI one."""

    urlpatterns: Sequence[Any]
    asgi: bool = False
    raises: bool = False
    settings: dict[str, Any] | None = None
    enforce_csrf_checks: bool = False

    def post(
        self, body: bytes = b"", headers: Any = (), path: str = PATH, method: str = "POST", **extra: Any
    ) -> Answer:
        urls = _Urls(urlpatterns=list(self.urlpatterns))
        with override_settings(ROOT_URLCONF=urls, **(self.settings or {})):
            send = self._asgi if self.asgi else self._wsgi
            return send(path, method, body, headers, extra)

    def _wsgi(self, path: str, method: str, body: bytes, headers: Any, extra: dict[str, Any]) -> Answer:
        client = Client(self.enforce_csrf_checks, raise_request_exception=self.raises)
        meta = {}
        for name, value in pairs(headers):
            key = _SPECIAL.get(name.lower()) or "HTTP_" + name.upper().replace("-", "_")
            meta[key] = f"{meta[key]}, {value}" if key in meta else value
        response = client.generic(
            method, path, body, meta.pop("CONTENT_TYPE", "application/octet-stream"), **meta, **extra
        )
        return _answer(response)

    def _asgi(self, path: str, method: str, body: bytes, headers: Any, extra: dict[str, Any]) -> Answer:
        async def send() -> Answer:
            client = AsyncClient(self.enforce_csrf_checks, raise_request_exception=self.raises)
            given = {name.lower(): value for name, value in pairs(headers)}
            content_type = given.pop("content-type", "application/octet-stream")
            response = await client.generic(method, path, body, content_type, headers=given, **extra)
            if getattr(response, "is_async", False):
                response.streaming_content = [part async for part in response.streaming_content]
            return _answer(response)

        return asyncio.run(send())


class _Urls(SimpleNamespace):
    """A URL configuration that is no module; Django keeps it as a dictionary's key."""

    __hash__ = object.__hash__


def _answer(response: Any) -> Answer:
    body = response.getvalue() if response.streaming else response.content
    given = Answer(response.status_code, {k.lower(): v for k, v in response.headers.items()}, body)
    response.close()
    return given


@dataclass(frozen=True)
class DjangoKind:
    """A Django project with one URL."""

    name: str
    asgi: bool = False
    asynchronous: bool = False
    json_answers: bool = True

    def serve(
        self, handler: Handler, path: str = PATH, *, raises: bool = False, reads: bool = True, **given: Any
    ) -> UnderDjangoClient:
        def view(request: Any) -> Any:
            return django_response(handler(django_call(request, reads)) or Reply())

        async def async_view(request: Any) -> Any:
            await asyncio.sleep(0)
            return view(request)

        chosen: Any = async_view if self.asynchronous else view
        # Django 4.2's own decorator makes a sync function of a coroutine function.
        chosen.csrf_exempt = True
        return UnderDjangoClient([url(path.lstrip("/"), chosen)], self.asgi, raises, given)

    def refusal(self, status: int) -> BaseException:
        return _REFUSALS[status]("refused")
