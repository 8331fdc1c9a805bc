"""Django: `BaseHandler.make_view_atomic` is wrapped, one seam for sync and async views, WSGI and ASGI.

By hand: `OutworxHooksMiddleware` in `MIDDLEWARE`, with `OUTWORX_HOOKS_OPTIONS` (one dict for every path) or
`OUTWORX_ROUTES` (path -> dict) in the settings. Views that providers call must be `csrf_exempt`: Django's CSRF
check runs before either. And a view function answers every method, while only POST, PUT and PATCH (`methods`) are
verified: put `require_POST` on it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Collection
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.signals import got_request_exception
from django.http import HttpResponse
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

from outworx_otel.delivery import Delivery, Proceed, Respond
from outworx_otel.delivery.flow import Flow, run_async, run_sync
from outworx_otel.http.paths import PathMap
from outworx_otel.integrations._django import (
    UNDER_WAY,
    answer,
    broke_off,
    deliver,
    deliver_async,
    enter,
    opened,
    returned,
    route,
)
from outworx_otel.integrations._gate import select
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.setup.bootstrap import prepare
from outworx_otel.setup.endpoints import Endpoint, passes, stricter
from outworx_otel.setup.marking import marked
from outworx_otel.setup.options import TrackOptions
from outworx_otel.setup.runtime import current


class DjangoInstrumentor(BaseInstrumentor):  # type: ignore[misc]  # the base is untyped
    """One webhook span per delivery to Django views.

    `DjangoInstrumentor().instrument()` takes `tracer_provider`, `meter_provider` and `endpoints`, as
    `outworx_otel.instrument` does; Django has one application per process.
    """

    def instrumentation_dependencies(self) -> Collection[str]:
        """The versions this was built for."""
        return ("django >= 4.2",)

    def _instrument(self, **kwargs: Any) -> None:
        prepare(**kwargs)
        _REACH.open("django")
        _VIEW.apply()
        got_request_exception.connect(_rendering_failed, dispatch_uid=UNDER_WAY)

    def _uninstrument(self, **kwargs: Any) -> None:
        if _REACH.close("django"):
            _VIEW.remove()
        got_request_exception.disconnect(dispatch_uid=UNDER_WAY)


# Which views are coroutine functions takes long to find out; there are as many as the URLconf names.
_colours: dict[Any, bool] = {}


def _is_async(view: Any) -> bool:
    try:
        known = _colours.get(view)
    except TypeError:  # a view object that cannot be hashed
        return bool(iscoroutinefunction(view))
    if known is None:
        known = bool(iscoroutinefunction(view))
        if len(_colours) < 4096:
            _colours[view] = known
    return known


def _gate(wrapped: Callable[..., Any], handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Puts a gate round the view that Django is about to call, of the view's own colour."""
    inner = wrapped(*args, **kwargs)
    if not _REACH.covers(None):
        return inner
    view = args[0] if args else kwargs["view"]
    if _is_async(view):

        async def gated_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            endpoint = _select(request, view)
            if endpoint is None:
                return await inner(request, *args, **kwargs)
            return await deliver_async(endpoint, request, lambda: inner(request, *args, **kwargs))

        return gated_async

    def gated(request: Any, *args: Any, **kwargs: Any) -> Any:
        endpoint = _select(request, view)
        if endpoint is None:
            return inner(request, *args, **kwargs)
        return deliver(endpoint, request, lambda: inner(request, *args, **kwargs))

    return gated


def _select(request: Any, view: Any, mounted: Endpoint | None = None) -> Endpoint | None:
    method: str = request.method
    if passes(method, request.META) or UNDER_WAY in request.__dict__ or _lacks_method(view, request):
        return None
    path, within = request.path, request.path_info
    return select(current(), view, method, path, within, request.META, route, request, mounted=mounted)


def _rendering_failed(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """An answer that was to be rendered after the view never was."""
    delivery = request.__dict__.get(UNDER_WAY) if request is not None else None
    if isinstance(delivery, Delivery):
        error = sys.exc_info()[1]
        if error is not None:
            run_sync(broke_off(delivery, request, error))


class OutworxHooksMiddleware:
    """The hand-mounted adapter: hooks that Django calls once the view is known, sync and async.

    Reads `OUTWORX_HOOKS_OPTIONS` (a dict of options, or a `TrackOptions`) or `OUTWORX_ROUTES` (path -> options)
    from the settings.

    Raises:
        ConfigurationError: an unknown option, or one that cannot be used.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self._endpoints = _endpoints_from_settings()
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)
            self.process_view: Any = self._process_view_async
        else:
            self.process_view = self._process_view

    def __call__(self, request: Any) -> Any:
        if iscoroutinefunction(self):
            return self._call_async(request)
        response = self.get_response(request)
        run_sync(self._after(request, response))
        return response

    async def _call_async(self, request: Any) -> Any:
        response = await self.get_response(request)
        await run_async(self._after(request, response))
        return response

    def _endpoint(self, request: Any, view: Any) -> Endpoint | None:
        path, within = request.path, request.path_info
        mounted = self._endpoints.find(path)
        if within != path:
            mounted = stricter(mounted, self._endpoints.find(within))
        if mounted is not None and not mounted.concerns(path, within):
            mounted = None
        # What the view's own decorator says needs no setting.
        if mounted is None and marked(view, request.method) is None:
            return None
        return _select(request, view, mounted)

    def _process_view(self, request: Any, view: Any, args: Any, kwargs: Any) -> Any:
        endpoint = self._endpoint(request, view)
        if endpoint is None:
            return None
        delivery = opened(endpoint, request)
        return self._before(request, delivery, run_sync(delivery.admit()))

    async def _process_view_async(self, request: Any, view: Any, args: Any, kwargs: Any) -> Any:
        endpoint = self._endpoint(request, view)
        if endpoint is None:
            return None
        delivery = opened(endpoint, request)
        return self._before(request, delivery, await run_async(delivery.admit()))

    def _before(self, request: Any, delivery: Delivery, decision: Proceed | Respond) -> HttpResponse | None:
        if isinstance(decision, Respond):
            return answer(delivery, decision)
        request._outworx_leave = enter(delivery, request)
        return None

    def process_exception(self, request: Any, error: Exception) -> None:
        """Remembers what the view raised; Django turns it into an answer."""
        delivery = request.__dict__.get(UNDER_WAY)
        if isinstance(delivery, Delivery) and "_outworx_leave" in request.__dict__:
            # Django calls this in a thread that may wait, under ASGI too.
            run_sync(broke_off(delivery, request, error))

    def _after(self, request: Any, response: Any) -> Flow[None]:
        leave = request.__dict__.pop("_outworx_leave", None)
        if leave is not None:
            leave()
            delivery = request.__dict__[UNDER_WAY]
            if response.status_code == 405:
                yield from delivery.drop()
            else:
                yield from returned(delivery, request, response)


def _lacks_method(view: Any, request: Any) -> bool:
    view_class = getattr(view, "view_class", None)
    if view_class is None or hasattr(view_class, request.method.lower()):
        return False
    # A `dispatch` of the application's own may serve any method.
    module: str = inspect.unwrap(view_class.dispatch).__module__
    return module.startswith(("django.", "rest_framework."))


def _endpoints_from_settings() -> PathMap[Endpoint]:
    routes = getattr(settings, "OUTWORX_ROUTES", None)
    one = getattr(settings, "OUTWORX_HOOKS_OPTIONS", None)
    entries: dict[str, Any] = dict(routes) if routes else {}
    if one is not None:
        entries.setdefault("*", one)
    endpoints = {}
    for path, given in entries.items():
        where = f'OUTWORX_ROUTES["{path}"]' if routes and path in routes else "OUTWORX_HOOKS_OPTIONS"
        options = given if isinstance(given, TrackOptions) else TrackOptions.from_mapping(given, where)
        endpoints[path] = Endpoint(options, where, known_secrets=lambda: current().known_secrets())
    return PathMap(endpoints)


_REACH: Final = Reach()
_VIEW: Final = Patch(BaseHandler, "make_view_atomic", _gate)
