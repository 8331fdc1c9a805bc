"""`@webhook`: a handler says itself that it is an endpoint."""

from __future__ import annotations

import dataclasses
import functools
import weakref
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, TypeVar

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup.announcement import announce, described
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.guarding import MARK, Guard, is_to_be_guarded
from outworx_otel.setup.option_types import Unpack, WebhookOptions
from outworx_otel.setup.options import OPTION_NAMES, TrackOptions, unknown_name
from outworx_otel.setup.runtime import current

Handler = TypeVar("Handler")

_MAX_KNOWN: Final = 4096
_MAX_METHODS: Final = 16
# What was found for a handler and a method, by the handler's identity for as long as it lives.
_known: dict[int, tuple[weakref.ref[Any], dict[str, Endpoint | None]]] = {}


def mark(handler: Handler, endpoint: Endpoint) -> Handler:
    """Marks a handler (function, view class) with its endpoint, for the adapters to read; it guards nothing."""
    _known.clear()
    try:
        setattr(handler, MARK, endpoint)
    except AttributeError as error:
        raise ConfigurationError(
            f"{handler!r} cannot be marked as a webhook; put the decorator on a function or a view class"
        ) from error
    return handler


def marked(handler: Any, method: str) -> Endpoint | None:
    """The endpoint a handler was marked with: the class's method, the function, or the view class.

    Asked at every request, of the same few handlers: what was found is remembered.
    """
    try:
        reference, found = _known[id(handler)]
        if reference() is handler:
            return found[method]
    except KeyError:
        pass
    endpoint = _look_up(handler, method)
    _remember(handler, method, endpoint)
    return endpoint


def _remember(handler: Any, method: str, endpoint: Endpoint | None) -> None:
    key = id(handler)
    known = _known.get(key)
    if known is not None and known[0]() is handler:
        if len(known[1]) < _MAX_METHODS:  # a stranger makes up methods
            known[1][method] = endpoint
        return
    try:
        reference = weakref.ref(handler, lambda _: _known.pop(key, None))
    except TypeError:  # of its kind there are no weak references
        return
    if len(_known) >= _MAX_KNOWN:
        _known.clear()
    _known[key] = reference, {method: endpoint}


def _look_up(handler: Any, method: str) -> Endpoint | None:
    # Django's and Flask's view functions know their class as `view_class`, those of DRF's view sets as `cls`.
    owner = handler if isinstance(handler, type) else getattr(handler, "view_class", None)
    owner = owner or getattr(handler, "cls", None)
    endpoint = None if owner is None else _marked_method(handler, owner, method.lower())
    endpoint = endpoint or getattr(handler, MARK, None) or getattr(owner, MARK, None)
    if endpoint is None and not isinstance(handler, FunctionType):
        if isinstance(handler, functools.partial):
            return _look_up(handler.func, method)
        # An object that is called.
        endpoint = getattr(type(handler).__call__, MARK, None) if callable(handler) else None
    return endpoint if isinstance(endpoint, Endpoint) else None


def _marked_method(handler: Any, owner: Any, method: str) -> Any:
    actions = getattr(handler, "actions", None)
    if isinstance(actions, Mapping):
        method = actions.get(method, method)
    names: tuple[str, ...] = (method, "dispatch", "dispatch_request")
    if method == "head" and not hasattr(owner, "head"):
        # Django and Starlette run `get` for HEAD.
        names = ("get", *names)
    for name in names:
        endpoint = getattr(getattr(owner, name, None), MARK, None)
        if endpoint is not None:
            return endpoint
    if getattr(owner, "__qualname__", None) == "WrappedAPIView":
        # What DRF's `@api_view` makes of a function has it in a closure alone.
        for cell in getattr(getattr(owner, method, None), "__closure__", None) or ():
            endpoint = getattr(cell.cell_contents, MARK, None)
            if endpoint is not None:
                return endpoint
    return None


def webhook(provider: str | TrackOptions, **options: Unpack[WebhookOptions]) -> Callable[[Handler], Handler]:
    """Marks a handler (function or view class) as a webhook endpoint; the instrumentors do the rest.

    Goes below the route's decorator: `@app.post("/hook")`, then `@webhook("stripe", signature_secret=...)`. Where it
    verifies, the handler refuses to run outside a verified delivery: called where neither `instrument()` nor an
    adapter has seen to that, it raises `UnverifiedDelivery` before its body runs. Tests that call it directly do so
    inside `outworx_otel.testing.trusted()`.

    Args:
        provider: the provider's name, such as `"stripe"`, or complete `TrackOptions`.
        **options: the other fields of `TrackOptions` by name.

    Raises:
        ConfigurationError: an option that is unknown or cannot be used.
    """
    if callable(provider):
        raise ConfigurationError('write @webhook("stripe"), with the provider, above the handler')
    if isinstance(provider, TrackOptions):
        unknown = [name for name in options if name not in OPTION_NAMES]
        if unknown:
            raise ConfigurationError(f"@webhook: {unknown_name('option', unknown[0], OPTION_NAMES)}")
        chosen = dataclasses.replace(provider, **options) if options else provider
    else:
        chosen = TrackOptions.from_mapping({"provider": provider, **options}, "@webhook")
    endpoint = Endpoint(chosen, "decorator", known_secrets=lambda: current().known_secrets())
    guard = Guard(endpoint) if is_to_be_guarded(endpoint) else None

    def decorate(handler: Handler) -> Handler:
        mark(handler, endpoint)
        place = f"in {getattr(handler, '__qualname__', type(handler).__name__)}"
        announce(f"outworx: {described('@webhook', {place: endpoint})}")
        if guard is None:
            return handler
        guarded: Handler = guard.around(handler)
        return guarded

    return decorate
