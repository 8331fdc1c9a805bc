"""The options that choose deliveries, the same for every command, and the pages of a server's list."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed
from outworx_otel.server.capabilities import FILTERS
from outworx_otel.server.capability import Parameter

PAGE: Final = 500
"""Deliveries that a server gives at once."""
# Each of them may have long texts.
_MAX_PAGE: Final = 16 * 1024 * 1024

_FILTERS: Final = "filters"
_BY_NAME: Final = inspect.Parameter.KEYWORD_ONLY
_PANEL: Final = "Which deliveries"
_AGO: Final = re.compile(r"\d{1,6}(\.\d{1,6})?[smhdw]")
_METAVARS: Final = {"problem": "N", "since": "TIME", "until": "TIME", "q": "TEXT"}
_TYPES: Final[dict[str, Any]] = {"texts": list[str], "text": str, "whole": int, "flag": bool}


@dataclass(frozen=True)
class DeliveryFilters:
    """What the options say: (parameter, value) pairs, as `GET /api/deliveries` takes them."""

    asked: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> tuple[str, ...]:
        """Returns what is asked for of a parameter."""
        return tuple(value for known, value in self.asked if known == name)

    def with_(self, name: str, value: str) -> DeliveryFilters:
        """Returns the same with one more."""
        return DeliveryFilters((*self.asked, (name, value)))


def takes_filters(*without: str, **helps: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Gives a command the options, in the place of its parameter `filters`, which gets a `DeliveryFilters`.

    Args:
        without: parameters whose options it does not have.
        helps: what an option's help says where it means more than elsewhere, by the parameter's name.
    """

    def decorated(command: Callable[..., None]) -> Callable[..., None]:
        declared = inspect.signature(command, eval_str=True)
        options = {name: option for name, option in _options(helps).items() if name not in without}

        @functools.wraps(command)
        def run(**given: Any) -> None:
            asked = [(name, given.pop(f"by_{name}")) for name in options]
            command(**given, **{_FILTERS: _filters(asked)})

        # Typer reads the options out of it.
        parameters: list[inspect.Parameter] = []
        for name, parameter in declared.parameters.items():
            parameters += options.values() if name == _FILTERS else [parameter.replace(kind=_BY_NAME)]
        run.__signature__ = declared.replace(parameters=parameters)  # type: ignore[attr-defined]  # as inspect has it
        return run

    return decorated


def deliveries(
    server: OutworxServer, filters: DeliveryFilters, limit: int | None
) -> Iterator[dict[str, Any]]:
    """Yields deliveries as `GET /api/deliveries` lists them, the newest first; asks for a page when it is needed.

    Args:
        server: whose.
        filters: which.
        limit: so many at most; None for all.

    Raises:
        ServerCallFailed: the server is not there, or does not give them.
        ConfigurationError: the server, or a filter, cannot be used.
    """
    cursor, left = "", limit
    while left is None or left > 0:
        size = PAGE if left is None else min(left, PAGE)
        query = [*filters.asked, ("limit", str(size)), *([("cursor", cursor)] if cursor else [])]
        page = server.read(f"/api/deliveries?{urlencode(query)}", most=_MAX_PAGE)
        found = page.get("deliveries") if isinstance(page, dict) else None
        if not isinstance(found, list):
            raise ServerCallFailed(f"{server.address} answers with no deliveries: is it an outworx server?")
        yield from found
        left = None if left is None else left - len(found)
        # A search may show none of a page, and go on.
        cursor = page.get("next_cursor") or ""
        if not cursor:
            return


def _options(helps: dict[str, str]) -> dict[str, inspect.Parameter]:
    """The options, by the server's names of their parameters."""
    return {
        one.name: _option(one, helps.get(one.name) or one.says) for one in FILTERS if "command" in one.ways
    }


def _option(parameter: Parameter, says: str) -> inspect.Parameter:
    if parameter.choices:
        says = f"{says} One of {', '.join(parameter.choices)}."
    option = typer.Option(
        parameter.in_command,
        metavar=None if parameter.kind == "flag" else _metavar(parameter),
        help=says,
        rich_help_panel=_PANEL,
    )
    kind = _TYPES[parameter.kind]
    return _parameter(parameter.name, Annotated[kind | None, option])


def _metavar(parameter: Parameter) -> str:
    return _METAVARS.get(parameter.name) or parameter.name.rpartition("_")[2].upper()


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(f"by_{name}", _BY_NAME, default=None, annotation=annotation)


def _filters(asked: list[tuple[str, Any]]) -> DeliveryFilters:
    pairs: list[tuple[str, str]] = []
    for name, given in asked:
        values = given if isinstance(given, list | tuple) else [] if given is None else [given]
        for value in ("true" if one is True else str(one) for one in values):
            pairs.append((name, for_the_call(name, value)))
    return DeliveryFilters(tuple(pairs))


def for_the_call(name: str, value: str) -> str:
    """Returns a parameter's value as the server wants it: so long ago has a minus there."""
    return f"-{value}" if name in ("since", "until") and _AGO.fullmatch(value) else value
