"""Django: one webhook and one ordinary route, called by WSGI, and by ASGI with asynchronous views."""

from __future__ import annotations

import time
from types import ModuleType
from typing import Any

import django
from django.conf import settings
from django.core import signals
from django.http import JsonResponse
from django.urls import path

from benchmarks import floor
from benchmarks.calls import ASGICaller, Caller, WSGICaller
from benchmarks.deliveries import HOOK_PATH, PLAIN_PATH
from benchmarks.variants import Variant, peer_options


def build(variant: Variant, peer_port: int) -> Caller:
    """The WSGI application with `variant` round its webhook."""
    _configure(variant, peer_port, _VIEWS.get(variant, _receive), _receive_anything)
    from django.core.handlers.wsgi import WSGIHandler

    return WSGICaller(WSGIHandler())


def build_async(variant: Variant, peer_port: int) -> Caller:
    """The ASGI application with `variant` round its webhook."""
    _configure(variant, peer_port, _ASYNC_VIEWS.get(variant, _receive_async), _receive_anything_async)
    from django.core.handlers.asgi import ASGIHandler

    return ASGICaller(ASGIHandler())


def _configure(variant: Variant, peer_port: int, hook: Any, plain: Any) -> None:
    urls = ModuleType("benchmark_urls")
    urls.urlpatterns = [path(HOOK_PATH[1:], hook), path(PLAIN_PATH[1:], plain)]  # type: ignore[attr-defined]
    chosen: dict[str, Any] = {}
    if variant.is_peer:
        chosen["MIDDLEWARE"] = ["outworx_hooks.integrations.django.OutworxHooksMiddleware"]
        chosen["OUTWORX_HOOKS_OPTIONS"] = peer_options(variant, peer_port)
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=urls, LOGGING_CONFIG=None, USE_TZ=True, **chosen)
    django.setup()
    # There is no database, and under ASGI each of these would cost a trip through a thread.
    from django.db import close_old_connections, reset_queries

    signals.request_started.disconnect(reset_queries)
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    if variant is Variant.OFFICIAL:
        from opentelemetry.instrumentation.django import DjangoInstrumentor

        DjangoInstrumentor().instrument()


def _receive(request: Any) -> Any:
    _ = request.body
    return JsonResponse({"received": True})


def _receive_anything(request: Any) -> Any:
    """The same, a function of its own: every URL of a webhook's view is one of the webhook's."""
    return _receive(request)


def _marking(request: Any) -> Any:
    request.outworx_track.processed()
    return _receive(request)


def _by_hand(request: Any) -> Any:
    opened = _opened(request)
    if opened is None:
        return JsonResponse({"error": "Invalid webhook signature"}, status=401)
    try:
        return _receive(request)
    finally:
        floor.close_span(*opened, 200)


async def _receive_async(request: Any) -> Any:
    return _receive(request)


async def _receive_anything_async(request: Any) -> Any:
    return _receive(request)


async def _marking_async(request: Any) -> Any:
    return _marking(request)


async def _by_hand_async(request: Any) -> Any:
    opened = _opened(request)
    if opened is None:
        return JsonResponse({"error": "Invalid webhook signature"}, status=401)
    try:
        return await _receive_async(request)
    finally:
        floor.close_span(*opened, 200)


def _opened(request: Any) -> tuple[Any, Any] | None:
    start_ns = time.time_ns()
    body: bytes = request.body
    signed = floor.signed_at(body, request.META.get("HTTP_STRIPE_SIGNATURE", ""), start_ns / 1e9)
    if signed is None:
        return None
    headers = floor.headers_of(request.META)
    return floor.open_span("POST", HOOK_PATH, HOOK_PATH, body, headers, signed, start_ns)


_VIEWS = {Variant.FLOOR: _by_hand, Variant.MARKED: _marking}
_ASYNC_VIEWS = {Variant.FLOOR: _by_hand_async, Variant.MARKED: _marking_async}
