"""Finds the functions behind a handler that is wrapped, partial, bound or a view class."""

from __future__ import annotations

from types import FunctionType, MethodType
from typing import Any, Final

from outworx_otel.drops.origin import adopt, is_application
from outworx_otel.drops.references import behind, methods

_MAX_WRAPPERS: Final = 32
# What Flask's, Django's and Starlette's view classes call; "dispatch" is often overridden.
_VIEW_METHODS: Final = ("dispatch", "dispatch_request", "post", "put", "patch", "get", "delete", "__call__")


def functions_behind(handler: Any) -> tuple[tuple[FunctionType, ...], object]:
    """Returns the application's functions that a handler consists of, outermost first, and their owner.

    If all of them lie in site-packages, the package of the innermost counts as the application from then on.
    """
    found, owner = _chain(handler)
    own = tuple(function for function in found if is_application(function.__code__.co_filename))
    if not own and found:
        adopt(found[-1].__code__.co_filename)
        own = tuple(function for function in found if is_application(function.__code__.co_filename))
    return own, owner


def _chain(handler: Any) -> tuple[list[FunctionType], object]:
    found: list[FunctionType] = []
    owner: object = None
    value = handler
    for _ in range(_MAX_WRAPPERS):
        kind = type(value)
        if kind is FunctionType:
            attributes = value.__dict__
            # `as_view()` of Flask and Django (`view_class`), of Django REST framework (`cls`)
            view_class = attributes.get("view_class") or attributes.get("cls")
            if view_class is not None:
                value = view_class
                continue
            found.append(value)
            value = attributes.get("__wrapped__")
            if value is None:
                break
        elif kind is MethodType:
            owner, value = value.__self__, value.__func__
        elif issubclass(kind, type):
            found.extend(function for function, _ in methods(value, _VIEW_METHODS, value))
            owner = value
            break
        else:
            inner = behind(value)
            if inner is None:
                found.extend(function for function, _ in methods(kind, ("__call__",), value))
                owner = value
                break
            value = inner
    return found, owner
