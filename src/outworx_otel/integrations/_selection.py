"""Which endpoint a request belongs to, as a seam at the route knows it: asked by every adapter, answered here."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final

from outworx_otel.integrations._adapter import Found, LetBy
from outworx_otel.integrations._door import is_opened
from outworx_otel.integrations._visit import Visit
from outworx_otel.setup.endpoints import Endpoint, logger
from outworx_otel.setup.marking import marked
from outworx_otel.setup.runtime import Runtime

_NOT_THE_VIEWS: Final = frozenset({"format"})


def choose(
    runtime: Runtime,
    visit: Visit | None,
    handler: Any,
    method: str,
    path: str,
    within: str,
    template: Callable[..., str | None],
    *where: Any,
    mounted: Endpoint | None = None,
    elsewhere: Callable[[], Endpoint | None] | None = None,
) -> Endpoint | LetBy | None:
    """The endpoint that a request belongs to; None where it is nobody's, `LetBy` where a marked handler may run.

    In order of precedence: the handler's decorator, `mounted`, what code and configuration say of the path, and
    unmistakable headers. Every request of the application comes by here.

    Args:
        runtime: what is configured.
        visit: from the door, where the request concerns a webhook.
        handler: the route's function or class.
        method: in upper case.
        path: as the provider called it.
        within: the same without the prefix that a server or a header adds.
        template: gives the route's template, from `where`.
        mounted: a hand-mounted adapter's endpoint, already found to concern this path.
        elsewhere: finds the endpoint of a handler that is called by another URL than the configured one.
    """
    own = marked(handler, method)
    endpoint = own or mounted
    if visit is not None and visit.configured:
        below: Endpoint | None = visit.delivery.endpoint
    else:
        below = runtime.find(path, template, *where, within=within)
    if endpoint is None:
        endpoint = below
        if endpoint is None and elsewhere is not None:
            endpoint = elsewhere()
        if endpoint is None:
            if visit is not None:
                return visit.delivery.endpoint
            note_plain(runtime, handler)
            return None
    elif below is not None:
        endpoint = runtime.standing(endpoint, below, path)
    if not endpoint.may_listen_to(method) or is_opened(path, endpoint, runtime):
        return None if own is None else LetBy(own)
    return endpoint


def greeted(handler: Any, method: str) -> Endpoint | None:
    """The endpoint of a marked handler that is not served with this method, where it may be a handshake's."""
    own = marked(handler, method) or marked(handler, "POST")
    return own if own is not None and method in own.greets else None


def note_plain(runtime: Runtime, handler: Any) -> None:
    """A function whose requests concern nothing, unless the door finds that they do: asked no more."""
    if type(handler) is FunctionType and not runtime.has_templates and not other_urls(runtime).knows(handler):
        runtime.plain.add(handler)


class OtherURLs:
    """The handlers that serve configured paths, to know them when they are called by another URL.

    An i18n prefix, a format suffix, a second route: it is the same handler, with the same parameters.

    Args:
        endpoints: by path; those that verify, and whose path is no pattern, count.
    """

    def __init__(self, endpoints: Mapping[str, Endpoint]) -> None:
        self._endpoints = {
            path: endpoint
            for path, endpoint in endpoints.items()
            if endpoint.verifies and not any(sign in path for sign in "*{<")
        }
        self._handlers: dict[Any, list[tuple[dict[str, Any], Endpoint, str]]] = {}
        self._asked: set[int] = set()
        self._said: set[str] = set()

    def find(
        self, app: Any, handler: Any, parameters: Mapping[str, Any], lookup: Callable[[str], Found | None]
    ) -> Endpoint | None:
        """The endpoint of a handler that is called by a URL which is not configured.

        Args:
            app: whose routes are asked, once.
            handler: of the route.
            parameters: of the path that was called.
            lookup: what the application's routing says of a path; it may raise.
        """
        if not self._endpoints:
            return None
        if id(app) not in self._asked:
            self._asked.add(id(app))
            self._ask(lookup)
        try:
            known = self._handlers.get(handler)
        except TypeError:  # it cannot be hashed
            return None
        for expected, endpoint, path in known or ():
            if _has(parameters, expected):
                self._say(path)
                return endpoint
        return None

    def knows(self, handler: Any) -> bool:
        """Whether this handler serves a configured path."""
        return handler in self._handlers

    def _say(self, path: str) -> None:
        if path not in self._said:
            self._said.add(path)
            logger.warning(
                "outworx: the handler of %r was called by another URL, and is verified there too. Give the other URL "
                "a handler of its own where that is not wanted",
                path,
            )

    def _ask(self, lookup: Callable[[str], Found | None]) -> None:
        for path, endpoint in self._endpoints.items():
            with contextlib.suppress(
                Exception
            ):  # the application's converters, and a host that it does not serve
                found = lookup(path)
                if found is not None and found.handler is not None:
                    self._handlers.setdefault(found.handler, []).append((found.parameters, endpoint, path))


def _has(parameters: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    return all(name in _NOT_THE_VIEWS or parameters.get(name) == value for name, value in expected.items())


_other_urls: weakref.WeakKeyDictionary[Runtime, OtherURLs] = weakref.WeakKeyDictionary()


def other_urls(runtime: Runtime) -> OtherURLs:
    """Those of everything that is configured."""
    known = _other_urls.get(runtime)
    if known is None:
        known = _other_urls[runtime] = OtherURLs(runtime.endpoints)
    return known


def has_own_say(endpoint: Endpoint, visit: Visit) -> bool:
    """Whether `endpoint`, found while another delivery of the same request runs, must verify it all the same.

    So where nobody has found the request genuine yet, and the one outside is but a guess (a header makes it, and
    a stranger the header), or the handler's own decorator is only known inside.
    """
    outer = visit.delivery
    if not endpoint.verifies or endpoint is outer.endpoint:
        return False
    verdict = outer.record.signature
    if verdict is not None and verdict.valid:
        return False
    return outer.endpoint.detected or endpoint.source == "decorator"
