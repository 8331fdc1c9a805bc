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
from outworx_otel.server.fields import BY_NAME, FILTERED
from outworx_otel.telemetry.outcomes import OUTCOMES

PAGE: Final = 500
"""Deliveries that a server gives at once."""
# Each of them may have long texts.
_MAX_PAGE: Final = 16 * 1024 * 1024

_FILTERS: Final = "filters"
_BY_NAME: Final = inspect.Parameter.KEYWORD_ONLY
_PANEL: Final = "Which deliveries"
_AGO: Final = re.compile(r"\d{1,6}(\.\d{1,6})?[smhdw]")
_TIME: Final = "2026-11-07T16:18:42Z, Unix seconds, or so long ago: 3h, 7d."


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
    options = {name: _several(name, helps.get(name) or BY_NAME[name].says) for name in FILTERED}
    singles = (
        ("problem", "--problem", "N", "Of the problem that has this number.", int),
        ("since", "--since", "TIME", f"Not before: {_TIME}", str),
        ("until", "--until", "TIME", f"Before: {_TIME}", str),
        ("q", "--search", "TEXT", "With it in their event type, path, ids or error.", str),
    )
    alone = typer.Option("--unverified", help="That ran without verification.", rich_help_panel=_PANEL)
    options["unverified"] = _parameter("unverified", Annotated[bool | None, alone])
    for name, flag, metavar, says, kind in singles:
        option = typer.Option(flag, metavar=metavar, help=helps.get(name) or says, rich_help_panel=_PANEL)
        options[name] = _parameter(name, Annotated[kind | None, option])
    return options


def _several(name: str, says: str) -> inspect.Parameter:
    flag = f"--{name.replace('_', '-')}"
    if name == "outcome":
        says = f"{says} One of {', '.join(OUTCOMES)}."
    option = typer.Option(
        flag,
        metavar=name.rpartition("_")[2].upper(),
        help=f"{says} Repeatable: any of them.",
        rich_help_panel=_PANEL,
    )
    return _parameter(name, Annotated[list[str] | None, option])


def _parameter(name: str, annotation: Any) -> inspect.Parameter:
    return inspect.Parameter(f"by_{name}", _BY_NAME, default=None, annotation=annotation)


def _filters(asked: list[tuple[str, Any]]) -> DeliveryFilters:
    pairs: list[tuple[str, str]] = []
    for name, given in asked:
        values = given if isinstance(given, list | tuple) else [] if given is None else [given]
        for value in ("true" if one is True else str(one) for one in values):
            # The server wants a minus, which a shell's user would have to quote nowhere else.
            pairs.append(
                (name, f"-{value}" if name in ("since", "until") and _AGO.fullmatch(value) else value)
            )
    return DeliveryFilters(tuple(pairs))
