"""`@webhook`: a handler says itself that it is an endpoint."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from types import FunctionType
from typing import Any, Final, TypeVar

from outworx_otel.errors import ConfigurationError
from outworx_otel.setup.endpoints import Endpoint
from outworx_otel.setup.options import OPTION_NAMES, TrackOptions, unknown_name
from outworx_otel.setup.runtime import current

Handler = TypeVar("Handler")

MARK: Final = "__outworx_webhook__"


def mark(handler: Handler, endpoint: Endpoint) -> Handler:
    """Marks a handler (function, view class) with its endpoint, for the adapters to read."""
    try:
        setattr(handler, MARK, endpoint)
    except AttributeError as error:
        raise ConfigurationError(
            f"{handler!r} cannot be marked as a webhook; put the decorator on a function or a view class"
        ) from error
    return handler


def marked(handler: Any, method: str) -> Endpoint | None:
    """The endpoint a handler was marked with: the class's method, the function, or the view class."""
    # Django's and Flask's view functions know their class as `view_class`, those of DRF's view sets as `cls`.
    owner = handler if isinstance(handler, type) else getattr(handler, "view_class", None)
    owner = owner or getattr(handler, "cls", None)
    endpoint = None if owner is None else _marked_method(handler, owner, method.lower())
    endpoint = endpoint or getattr(handler, MARK, None) or getattr(owner, MARK, None)
    if endpoint is None and not isinstance(handler, FunctionType):
        if isinstance(handler, functools.partial):
            return marked(handler.func, method)
        # An object that is called.
        endpoint = getattr(type(handler).__call__, MARK, None) if callable(handler) else None
    return endpoint if isinstance(endpoint, Endpoint) else None


def _marked_method(handler: Any, owner: Any, method: str) -> Any:
    actions = getattr(handler, "actions", None)
    if isinstance(actions, Mapping):
        method = actions.get(method, method)
    for name in (method, "dispatch", "dispatch_request"):
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


def webhook(provider: str | TrackOptions, **options: Any) -> Callable[[Handler], Handler]:
    """Marks a handler (function or view class) as a webhook endpoint; the instrumentors do the rest.

    Goes below the route's decorator: `@app.post("/hook")`, then `@webhook("stripe", signature_secret=...)`. The
    mark alone does nothing, and verifies nothing, until `instrument()` was called or the application runs under
    `opentelemetry-instrument`.

    Args:
        provider: the provider's name, such as `"stripe"`, or complete `TrackOptions`.
        **options: the other fields of `TrackOptions` by name, or `signature_secret_env`, the name of the
            environment variable that holds the secret.

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
    return lambda handler: mark(handler, endpoint)


def any_guarded() -> bool:
    """Whether any handler of this process refuses to run outside a delivery."""
    return _guarded


_guarded = False
