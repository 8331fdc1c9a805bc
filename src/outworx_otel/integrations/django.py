"""Django: the front door is `BaseHandler.get_response`, the seam is `BaseHandler.make_view_atomic`.

By hand: `OutworxHooksMiddleware` in `MIDDLEWARE`, with `OUTWORX_HOOKS_OPTIONS` (one dict for every path) or
`OUTWORX_ROUTES` (path -> dict) in the settings. Views that providers call must be `csrf_exempt`: Django's CSRF
check runs before either.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Callable
from typing import Any, Final

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.signals import got_request_exception
from django.dispatch import Signal

from outworx_otel.delivery import Delivery
from outworx_otel.delivery.flow import Flow, run_async, run_sync
from outworx_otel.errors import ConfigurationError, UnverifiedDelivery
from outworx_otel.http.paths import PathMap
from outworx_otel.idempotency import TransactionStore
from outworx_otel.integrations._adapter import (
    Found,
    LetBy,
    conclude,
    let_by,
    refusal_of,
    serve,
)
from outworx_otel.integrations._django import (
    UNDER_WAY,
    DjangoAdapter,
    response_of,
    route,
    routing,
    visit_at,
)
from outworx_otel.integrations._django_transaction import check_at_start, in_transaction, no_async
from outworx_otel.integrations._door import concerned, guessed, is_opened, is_silent, through
from outworx_otel.integrations._instrumentor import Instrumentor
from outworx_otel.integrations._patch import Patch, Reach, Wrapper
from outworx_otel.integrations._selection import OtherURLs, choose, greeted, other_urls
from outworx_otel.integrations._visit import PASSED, Visit
from outworx_otel.setup.announcement import places
from outworx_otel.setup.bootstrap import ensure_ready, say_mounted
from outworx_otel.setup.endpoints import Endpoint, stricter
from outworx_otel.setup.options import DEFAULT_METHODS, TrackOptions
from outworx_otel.setup.runtime import Runtime, current

# -- the front door ----------------------------------------------------------------------------------------


def _concern(request: Any, runtime: Runtime) -> tuple[Endpoint, bool] | None:
    method, path, within = request.method or "", request.path, request.path_info
    concern = None
    if runtime.endpoints:
        endpoint = runtime.at_path(path, within)
        if endpoint is None and settings.USE_I18N and _has_language(within):
            bare = _without_language(within)
            endpoint = None if bare is None else runtime.at_path(bare, bare)
        if endpoint is not None:
            concern = concerned(runtime, method, path, endpoint)
    if concern is None and runtime.detect and method in DEFAULT_METHODS:
        provider = runtime.detect_environ(method, request.META)
        if provider is not None:
            concern = guessed(runtime, path, provider)
    if concern is None:
        request.__dict__[PASSED] = within
        return None
    return None if visit_at(request) is not None else concern


def _has_language(path: str) -> bool:
    """Whether a path may begin with a language's code: `/de/`, `/pt-br/`; asked of every request."""
    return path[3:4] in ("/", "-") or path[4:5] in ("/", "-")


def _without_language(path: str) -> str | None:
    from django.utils.translation import get_language_from_path

    language = get_language_from_path(path)
    return None if language is None else path[len(language) + 1 :] or "/"


def _door(run: Callable[[Flow[Any]], Any]) -> Wrapper:
    """Every request passes the door that this makes.

    Args:
        run: drives a flow, as the door's handler is sync or async.
    """

    def door(wrapped: Callable[..., Any], handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        request = args[0] if args else kwargs["request"]
        runtime = current()
        if not (runtime.endpoints or runtime.detect) or not REACH.covers(None):
            return wrapped(request)
        concern = _concern(request, runtime)
        if concern is None:
            return wrapped(request)
        return run(_through(request, runtime, concern, lambda: wrapped(request)))

    return door


def _through(
    request: Any,
    runtime: Runtime,
    concern: tuple[Endpoint, bool],
    call: Callable[[], Any],
    adapter: _MiddlewareAdapter | None = None,
) -> Flow[Any]:
    adapter = adapter or _MiddlewareAdapter(request)
    endpoint, configured = concern
    silent = is_silent(request.path, runtime)
    delivery = Delivery(endpoint, adapter.request(), runtime, adapter.start_ns, silent=silent)
    return through(adapter, Visit(delivery, configured), runtime, call, visit_at(request))


class _MiddlewareAdapter(DjangoAdapter):
    """A request at the door: the instrumentor's, or where the middleware stands."""

    def __init__(self, request: Any, *, app_wide: bool = False) -> None:
        super().__init__(request)
        self.app_wide = app_wide

    def is_nowhere(self) -> bool:
        """Whether the URLconf has no such path or method, and the options name no path."""
        if not self.app_wide:
            return False
        found = self.lookup()
        return found is None or _lacks_method(found.handler, self._request)

    def reports_unrouted(self) -> bool:
        """Of an app-wide adapter, what has a provider's unmistakable headers."""
        return not self.app_wide or current().detect_environ("POST", self._request.META) is not None


# -- the seam at the view ----------------------------------------------------------------------------------

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
    view = args[0] if args else kwargs["view"]
    if _is_async(view):

        async def gated_async(request: Any, *args: Any, **kwargs: Any) -> Any:
            chosen = _choose(request, view)
            try:
                if chosen is None:
                    return await inner(request, *args, **kwargs)
                return await run_async(_run(chosen, request, view, lambda: inner(request, *args, **kwargs)))
            except UnverifiedDelivery as error:
                return _refused(error, request)

        return gated_async

    def gated(request: Any, *args: Any, **kwargs: Any) -> Any:
        chosen = _choose(request, view)
        try:
            if chosen is None:
                return inner(request, *args, **kwargs)
            return run_sync(_run(chosen, request, view, lambda: inner(request, *args, **kwargs)))
        except UnverifiedDelivery as error:
            return _refused(error, request)

    return gated


def _refused(error: UnverifiedDelivery, request: Any) -> Any:
    return response_of(refusal_of(error, DjangoAdapter(request), current(), time.time_ns()))


def _choose(request: Any, view: Any) -> Endpoint | LetBy | None:
    by_hand, method = request.__dict__.get(_MOUNTED), request.method
    runtime = current()
    if by_hand is None and request.__dict__.get(PASSED) is request.path_info and view in runtime.plain:
        return None
    if by_hand is None and not REACH.covers(None):
        return None
    if _lacks_method(view, request):
        return None if by_hand is not None or visit_at(request) is not None else greeted(view, method)
    visit = visit_at(request)
    mounted = None if by_hand is None else by_hand.endpoint_at(request)
    match = request.resolver_match
    parameters = {} if match is None else match.kwargs

    def elsewhere() -> Endpoint | None:
        known = other_urls(runtime) if by_hand is None else by_hand.other_urls
        return known.find(BaseHandler, view, parameters, lambda path: routing(request, path))

    chosen = choose(
        runtime,
        visit,
        view,
        method,
        request.path,
        request.path_info,
        route,
        request,
        mounted=mounted,
        elsewhere=elsewhere if by_hand is not None or runtime.endpoints else None,
    )
    if visit is not None and visit.taken and isinstance(chosen, Endpoint):
        # One request, one delivery.
        request.outworx_track = visit.delivery.track
        return None
    return chosen


def _run(chosen: Endpoint | LetBy, request: Any, view: Any, call: Callable[[], Any]) -> Flow[Any]:
    if isinstance(chosen, LetBy):
        return (yield from let_by(chosen.endpoint, call))
    visit = visit_at(request)
    adapter = DjangoAdapter(request, visit)
    by_hand = request.__dict__.get(_MOUNTED)
    adapter.app_wide = by_hand is not None and by_hand.is_app_wide(chosen)
    match = request.resolver_match
    call = _in_transaction(adapter, view, call)
    found = Found(
        route(request), view if match is None else match.func, {} if match is None else match.kwargs
    )
    runtime = current()
    silent = visit is None and is_silent(request.path, runtime)
    return (yield from serve(adapter, visit, chosen, runtime, adapter.start_ns, found, call, silent=silent))


def _in_transaction(adapter: DjangoAdapter, view: Any, call: Callable[[], Any]) -> Callable[[], Any]:
    """`call`, inside the transaction that `django://` in `idempotency_store` asks for."""
    store = current().store
    if not isinstance(store, TransactionStore) or store.alias is None:
        return call
    alias = store.alias

    def called() -> Any:
        delivery = adapter.delivery
        if delivery is None or not delivery.has_key_setting:
            return call()
        if _is_async(view):
            raise ConfigurationError(no_async(store, getattr(view, "__name__", "the view")))
        return in_transaction(delivery, alias, call)

    return called


def _loaded(wrapped: Callable[..., Any], handler: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Django starts: its URLs and databases are known."""
    loaded = wrapped(*args, **kwargs)
    if REACH.covers(None):
        check_at_start(current())
    return loaded


def _rendering_failed(sender: Any, request: Any = None, **kwargs: Any) -> None:
    """An answer that was to be rendered after the view never was."""
    delivery = request.__dict__.get(UNDER_WAY) if request is not None else None
    if isinstance(delivery, Delivery):
        error = sys.exc_info()[1]
        if error is not None:
            run_sync(conclude(delivery, error, DjangoAdapter(request).status_of(error)))


def _lacks_method(view: Any, request: Any) -> bool:
    view_class = getattr(view, "view_class", None)
    if view_class is None or hasattr(view_class, request.method.lower()):
        return False
    if request.method == "HEAD" and hasattr(view_class, "get"):
        return False  # `setup()` lets HEAD run `get`
    # A `dispatch` of the application's own may serve any method.
    module: str = inspect.unwrap(view_class.dispatch).__module__
    return module.startswith(("django.", "rest_framework."))


# -- mounted by hand ---------------------------------------------------------------------------------------


_MOUNTED: Final = "_outworx_mounted"
_ONE: Final = "OUTWORX_HOOKS_OPTIONS"


class OutworxHooksMiddleware:
    """The hand-mounted adapter: a front door where it stands, and a seam that Django calls once the view is known.

    Reads `OUTWORX_HOOKS_OPTIONS` (a dict of options, or a `TrackOptions`) or `OUTWORX_ROUTES` (path -> options)
    from the settings.

    Raises:
        ConfigurationError: an unknown option, or one that cannot be used.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        ensure_ready()
        endpoints = _endpoints_from_settings()
        self._endpoints = PathMap(endpoints)
        self.other_urls = OtherURLs(endpoints)
        shown = {places(one) if path == "*" else f"at {path}": one for path, one in endpoints.items()}
        say_mounted("Django's settings", shown)
        DjangoInstrumentor.apply()
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        runtime = current()
        DjangoInstrumentor.apply()
        request.__dict__[_MOUNTED] = self
        endpoint = self.endpoint_at(request)
        visit = visit_at(request)
        flow = None
        if endpoint is not None and (visit is None or not visit.taken):
            adapter = _MiddlewareAdapter(request, app_wide=self.is_app_wide(endpoint))
            flow = _through(request, runtime, (endpoint, True), lambda: self.get_response(request), adapter)
        if iscoroutinefunction(self):
            return self.get_response(request) if flow is None else run_async(flow)
        return self.get_response(request) if flow is None else run_sync(flow)

    def is_app_wide(self, endpoint: Endpoint) -> bool:
        """Whether an endpoint's options name no path."""
        return endpoint.paths is None and endpoint.source == _ONE

    def endpoint_at(self, request: Any) -> Endpoint | None:
        path, within = request.path, request.path_info
        mounted = self._endpoints.find(path)
        if within != path:
            mounted = stricter(mounted, self._endpoints.find(within))
        if mounted is None and settings.USE_I18N:
            bare = _without_language(within)
            mounted = None if bare is None else self._endpoints.find(bare)
        if mounted is None or not mounted.concerns(path, within):
            return None
        runtime = current()
        if not mounted.may_listen_to(request.method) or is_opened(path, mounted, runtime):
            return None
        return runtime.standing(mounted, runtime.at_path(path, within), path)


def _endpoints_from_settings() -> dict[str, Endpoint]:
    routes = getattr(settings, "OUTWORX_ROUTES", None)
    one = getattr(settings, "OUTWORX_HOOKS_OPTIONS", None)
    entries: dict[str, Any] = dict(routes) if routes else {}
    if one is not None:
        entries.setdefault("*", one)
    endpoints = {}
    for path, given in entries.items():
        where = f'OUTWORX_ROUTES["{path}"]' if routes and path in routes else _ONE
        options = given if isinstance(given, TrackOptions) else TrackOptions.from_mapping(given, where)
        endpoints[path] = Endpoint(
            options, where, known_secrets=lambda: current().known_secrets(), everywhere=path == "*"
        )
    return endpoints


REACH: Final = Reach()


class _Listener(Patch):
    """Hears of a signal for as long as the patches are in place."""

    def __init__(self, signal: Signal, heard: Callable[..., None]) -> None:
        self._signal = signal
        self._heard = heard

    def apply(self) -> None:
        if self._applied is None:
            self._signal.connect(self._heard, dispatch_uid=UNDER_WAY)
            self._applied = self._signal

    def remove(self) -> None:
        self._signal.disconnect(dispatch_uid=UNDER_WAY)
        self._applied = None


_PATCHES: Final = (
    Patch(BaseHandler, "get_response", _door(run_sync)),
    Patch(BaseHandler, "get_response_async", _door(run_async)),
    Patch(BaseHandler, "make_view_atomic", _gate),
    Patch(BaseHandler, "load_middleware", _loaded),
    _Listener(got_request_exception, _rendering_failed),
)


class DjangoInstrumentor(Instrumentor):
    """One webhook span per delivery to Django views; Django has one application per process."""

    framework = "django"
    reach, patches = REACH, _PATCHES
