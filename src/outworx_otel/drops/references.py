"""Finds what a function refers to by name, from its code and its namespace. Nothing of it is run."""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from collections.abc import Iterable, Iterator
from types import (
    CellType,
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
)
from typing import Any, Final

from outworx_otel.drops.origin import is_application

_MAX_ITEMS: Final = 64
_MAX_WRAPPERS: Final = 16


def with_nested(code: CodeType, outer: CodeType | None = None) -> Iterator[tuple[CodeType, CodeType | None]]:
    """Yields a code object and those defined in it, each with the one that encloses it."""
    yield code, outer
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from with_nested(constant, code)


def referred(
    code: CodeType, namespace: dict[str, Any], cells: dict[str, CellType], holders: list[Any]
) -> Iterator[tuple[str, FunctionType, object]]:
    """Yields the application's functions that a code object's names can stand for.

    Args:
        code: the code object.
        namespace: its globals.
        cells: its closure, by name.
        holders: objects whose attributes its names may be: a method's object, the classes of annotated arguments.
    """
    names = code.co_names
    holders = list(holders)
    for name in (*names, *code.co_freevars):
        value = namespace.get(name)
        if value is None and name in cells:
            try:
                value = cells[name].cell_contents
            except ValueError:  # not filled yet
                continue
        if value is None:
            value = sys.modules.get(name)
        if value is not None:
            for function, of in functions_of(value):
                yield name, function, of
            if _is_of_application(value):
                holders.append(value)
    for holder in holders:
        for name in names:
            # Statically: a property of the application must not run.
            value = inspect.getattr_static(holder, name, None)
            if value is not None:
                if (
                    len(holders) < _MAX_ITEMS
                    and _is_of_application(value)
                    and not any(value is known for known in holders)
                ):
                    holders.append(value)
                for function, of in functions_of(value):
                    yield name, function, of if of is not None else holder


def annotated(function: FunctionType) -> Iterator[type[Any]]:
    """Yields the application's classes in a function's annotations."""
    with contextlib.suppress(Exception):  # from Python 3.14 on, this evaluates them
        for annotation in function.__annotations__.values():
            value = function.__globals__.get(annotation) if isinstance(annotation, str) else annotation
            value = getattr(value, "__origin__", value)  # Annotated[Service, Depends(...)]
            if isinstance(value, type) and _is_of_application(value):
                yield value


def _is_of_application(value: Any) -> bool:
    """Returns whether a module, class or instance may have functions of the application as attributes."""
    if type(value) is ModuleType:
        module: Any = value
    else:
        kind = value if issubclass(type(value), type) else type(value)
        module = sys.modules.get(kind.__module__) if isinstance(kind.__module__, str) else None
    file = getattr(module, "__file__", None)
    return isinstance(file, str) and is_application(file)


def functions_of(value: Any, depth: int = 2) -> Iterator[tuple[FunctionType, object]]:
    """Yields the application's functions that calling a value may run, each with its owner.

    Types are compared by identity: a proxy (wrapt, Werkzeug) answers `isinstance` for the object behind it.
    """
    owner: object = None
    for _ in range(_MAX_WRAPPERS):
        kind = type(value)
        if kind is FunctionType:
            if is_application(value.__code__.co_filename):
                yield value, owner
            value = value.__dict__.get("__wrapped__")
        elif kind is MethodType:
            owner, value = value.__self__, value.__func__
        else:
            inner = behind(value)
            if inner is None:
                break
            value = inner
        if value is None:
            return
    if kind in (dict, list, tuple, set, frozenset):
        if depth:
            for item in list(value.values() if kind is dict else value)[:_MAX_ITEMS]:
                yield from functions_of(item, depth - 1)
    elif issubclass(kind, type):
        if _is_of_application(value):
            yield from methods(value, ("__init__", "__call__"), value)
    elif kind is not ModuleType and _is_of_application(value):
        yield from methods(kind, ("__call__",), value)


def behind(value: Any) -> Any:
    """Returns what a partial, a static method, a wrapt wrapper or `lru_cache` wraps; None if nothing."""
    kind = type(value)
    if issubclass(kind, (functools.partial, functools.partialmethod)):
        return value.func
    if issubclass(kind, (staticmethod, classmethod)):
        return value.__func__
    if issubclass(kind, (type, ModuleType)):
        return None
    inner = inspect.getattr_static(value, "__wrapped__", None)
    if type(inner) in (GetSetDescriptorType, MemberDescriptorType):  # wrapt, written in C
        return value.__wrapped__
    # Any other descriptor may run code: Werkzeug's proxies would ask for a request.
    return None if hasattr(type(inner), "__get__") and type(inner) is not FunctionType else inner


def methods(kind: type[Any], names: Iterable[str], owner: object) -> Iterator[tuple[FunctionType, object]]:
    """Yields the methods with these names that the application defines."""
    for name in names:
        method = inspect.getattr_static(kind, name, None)
        for function, _ in functions_of(method, 0) if method is not None else ():
            yield function, owner
