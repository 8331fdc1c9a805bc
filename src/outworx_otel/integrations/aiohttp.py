"""aiohttp's server: the front door is `Application._handle`, the seam is the handler that its router finds.

By hand: `web.Application(middlewares=[outworx_middleware(TrackOptions(...))])`, first in the list.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import wrapt
from aiohttp import web, web_app
from aiohttp.web_urldispatcher import UrlMappingMatchInfo

from outworx_otel.delivery import Delivery
from outworx_otel.delivery.flow import Flow, run_async
from outworx_otel.errors import UnverifiedDelivery
from outworx_otel.integrations._adapter import Found, LetBy, let_by, refusal_of, serve
from outworx_otel.integrations._aiohttp import AioHttpAdapter, found_in, resolved, template
from outworx_otel.integrations._door import concerned, guessed, is_opened, is_silent, through
from outworx_otel.integrations._instrumentor import ApplicationInstrumentor
from outworx_otel.integrations._patch import Patch, Reach
from outworx_otel.integrations._selection import choose, has_own_say, other_urls
from outworx_otel.integrations._visit import VISIT, Visit
from outworx_otel.setup.announcement import places
from outworx_otel.setup.bootstrap import ensure_ready, say_mounted
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.guarding import any_guarded
from outworx_otel.setup.options import DEFAULT_METHODS, TrackOptions
from outworx_otel.setup.runtime import Runtime, current

Handler = Callable[[Any], Awaitable[Any]]


def _door(wrapped: Handler, app: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Awaitable[Any]:
    """Every request of every application passes here."""
    request, runtime = args[0], current()
    if VISIT in request._state or not REACH.covers(app):
        return wrapped(request)
    concern = _concern(runtime, request)
    if concern is None:
        return _refusing(wrapped, request, runtime) if any_guarded() else wrapped(request)
    adapter = AioHttpAdapter(request, app)
    silent = is_silent(request.path, runtime)
    delivery = Delivery(concern[0], adapter.request(), runtime, adapter.start_ns, silent=silent)
    return run_async(through(adapter, Visit(delivery, concern[1]), runtime, partial(wrapped, request)))


def _concern(runtime: Runtime, request: Any) -> tuple[Endpoint, bool] | None:
    method, path = request.method.upper(), request.path
    endpoint = runtime.at_path(path, path)
    if endpoint is not None:
        return concerned(runtime, method, path, endpoint)
    if runtime.detect and method in DEFAULT_METHODS:
        pairs = [(name.lower(), value) for name, value in request.raw_headers]
        provider = runtime.detect_pairs(method, pairs)
        if provider is not None:
            return guessed(runtime, path, provider)
    return None


async def _refusing(call: Handler, request: Any, runtime: Runtime) -> Any:
    """A marked handler that refuses in a request that is nobody's delivery is answered 401."""
    try:
        return await call(request)
    except UnverifiedDelivery as error:
        adapter = AioHttpAdapter(request)
        return await run_async(adapter.answer(refusal_of(error, adapter, runtime, time.time_ns())))


class _Match(UrlMappingMatchInfo):
    """What the router has found, with the seam round its handler."""

    __slots__ = ()

    @property
    def handler(self) -> Any:
        """Looked up before the middleware is put round it."""
        return _Seam(self.route.handler)


class _Seam(wrapt.ObjectProxy):  # type: ignore[type-arg,misc,unused-ignore]  # its stubs came with wrapt 2
    """A handler that runs inside a delivery, where the request is one; to middleware it is what it was."""

    async def __call__(self, request: Any) -> Any:
        call = partial(self.__wrapped__, request)
        match = request.match_info
        if not REACH.covers(match.apps[0]):
            return await call()
        runtime, visit, chosen = current(), request._state.get(VISIT), _choose(request, self.__wrapped__)
        if isinstance(chosen, LetBy):
            return await run_async(let_by(chosen.endpoint, call))
        if chosen is None or (visit is not None and visit.taken and not has_own_say(chosen, visit)):
            return await call()
        return await run_async(_run(chosen, request, visit, runtime, call))


async def _place(wrapped: Handler, router: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """The router is asked at every request, its handlers are not."""
    match = await wrapped(*args, **kwargs)
    if type(match) is UrlMappingMatchInfo:
        match.__class__ = _Match
    return match


def _choose(request: Any, handler: Any) -> Endpoint | LetBy | None:
    runtime, match, path = current(), request.match_info, request.path

    def found_at(path: str) -> Found | None:
        return resolved(match.apps[0].router, request.clone(method="POST", rel_url=path))[1]

    def elsewhere() -> Endpoint | None:
        return other_urls(runtime).find(match.apps[0], handler, match, found_at)

    return choose(
        runtime, request._state.get(VISIT), handler, request.method.upper(), path, path, template, match,
        elsewhere=elsewhere if runtime.endpoints else None,
    )  # fmt: skip


def _run(
    endpoint: Endpoint, request: Any, visit: Visit | None, runtime: Runtime, call: Callable[[], Any]
) -> Flow[Any]:
    adapter, found = AioHttpAdapter(request, visit=visit), found_in(request.match_info)
    silent = visit is None and is_silent(request.path, runtime)
    return serve(adapter, visit, endpoint, runtime, adapter.start_ns, found, call, silent=silent)


def outworx_middleware(options: TrackOptions) -> Any:
    """The hand-mounted adapter: a middleware for `web.Application(middlewares=[...])`.

    Args:
        options: what is wanted for every request with one of `options.methods` to one of `options.paths`.

    Raises:
        ConfigurationError: the options cannot be used.
    """
    ensure_ready()
    own = Endpoint(
        options, "code", known_secrets=lambda: current().known_secrets(), everywhere=options.paths is None
    )
    say_mounted("outworx_middleware", {places(own): own})

    @web.middleware
    async def monitored(request: Any, handler: Handler) -> Any:
        runtime, path, call = current(), request.path, partial(handler, request)
        endpoint = runtime.standing(own, runtime.at_path(path, path), path)
        visit = request._state.get(VISIT)
        if (
            not own.concerns(path, path)
            or not own.may_listen_to(request.method.upper())
            or is_opened(path, endpoint, runtime)
            or (visit is not None and visit.taken and not has_own_say(endpoint, visit))
        ):
            return await _refusing(handler, request, runtime)
        nowhere = request.match_info.http_exception
        if nowhere is not None and own.paths is None:
            # The framework's own 404 or 405, before anything further in runs unverified.
            raise nowhere
        return await run_async(_run(endpoint, request, visit, runtime, call))

    return monitored


REACH: Final = Reach()


class AioHttpServerInstrumentor(ApplicationInstrumentor):
    """One webhook span per delivery to handlers of `aiohttp.web`."""

    framework, application, reach = "aiohttp", web.Application, REACH
    patches = (
        Patch(web.Application, "_handle", _door),
        Patch(web.UrlDispatcher, "resolve", _place),
    )

    @classmethod
    def apply(cls) -> None:
        """aiohttp keeps the middleware that it has put round a handler: also round one without its seam."""
        super().apply()
        kept = getattr(web_app, "_cached_build_middleware", None)
        if kept is not None:
            kept.cache_clear()
