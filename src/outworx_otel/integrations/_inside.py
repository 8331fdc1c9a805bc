"""The application inside what was handed to us: middleware round it, a bound method of it, a bridge to it."""

from __future__ import annotations

from collections.abc import Iterator
from types import MethodType
from typing import Any, Final, TypeVar

from outworx_otel.errors import ConfigurationError

T = TypeVar("T")

_DEPTH: Final = 16
# What middleware and bridges call the application they are round: Starlette's, Werkzeug's, a2wsgi's, asgiref's.
_NAMES: Final = (
    "app",
    "wsgi_app",
    "application",
    "wsgi_application",
    "asgi_app",
    "wrapped",
    "_app",
    "__wrapped__",
)


def layers(app: Any) -> Iterator[Any]:
    """`app`, and what is inside it, outermost first."""
    seen: set[int] = set()
    waiting = [app]
    while waiting and len(seen) < _DEPTH:
        layer = waiting.pop(0)
        if layer is None or id(layer) in seen:
            continue
        seen.add(id(layer))
        yield layer
        if isinstance(layer, MethodType):
            waiting.append(layer.__self__)
            continue
        attributes = getattr(layer, "__dict__", None)
        for name in _NAMES:
            inner = attributes.get(name) if isinstance(attributes, dict) else getattr(layer, name, None)
            if callable(inner):
                waiting.append(inner)


def application_in(app: Any, kind: type[T], where: str) -> T:
    """The application of this kind inside `app`.

    Raises:
        ConfigurationError: there is none.
    """
    for layer in layers(app):
        if isinstance(layer, kind):
            return layer
    raise ConfigurationError(
        f"{where}: no {kind.__name__} application in {type(app).__name__}; give the application itself"
    )
