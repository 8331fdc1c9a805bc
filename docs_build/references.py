"""References that are read from the code: an endpoint's options, and every command with its options."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import MISSING, Field, fields
from typing import Any

import typer.main

from outworx_otel.cli._app import app
from outworx_otel.server.capabilities import CAPABILITIES, TOOLS
from outworx_otel.setup.options import DEFAULT_MAX_BODY, TrackOptions

_NO_DEFAULT: tuple[Any, ...] = (None, (), False, "", [])


def arguments(documented: Any) -> dict[str, str]:
    """What a docstring says of each argument, in one line."""
    text = inspect.getdoc(documented) or ""
    section = re.search(r"^Args:\n((?:^(?: .*)?\n?)+)", text, re.MULTILINE)
    found = re.findall(r"^ {4}(\w+): (.*(?:\n {8}.*)*)", section[1] if section else "", re.MULTILINE)
    return {name: " ".join(said.split()) for name, said in found}


def row(*cells: str) -> str:
    """One row of a table; a bar would end its cell, in code too."""
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def options_table() -> str:
    """The options of an endpoint."""
    said = arguments(TrackOptions)
    lines = [row("option", "default", "meaning"), "|---|---|---|"]
    lines += [row(f"`{one.name}`", _default(one), said[one.name]) for one in fields(TrackOptions)]
    return "\n".join(lines) + "\n"


def _default(option: Field[Any]) -> str:
    value = option.default
    if value is MISSING:
        return "required"
    if value is None or value == ():
        return ""
    if value == DEFAULT_MAX_BODY:
        return "10 MiB"
    return f"`{', '.join(value)}`" if isinstance(value, tuple) else f"`{value}`"


def commands() -> Iterator[tuple[str, Any]]:
    """Every command by the words that are typed, in the order of the help."""
    yield from _below("outworx", typer.main.get_command(app))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    # Typer may bring a click of its own, so that a group is told by what it has.
    groups = getattr(command, "commands", {})
    for part, inner in groups.items():
        yield from _below(f"{name} {part}", inner)
    if not groups:
        yield name, command


def commands_reference() -> str:
    """A section for each command."""
    parts = []
    for name, command in commands():
        told = (command.help or "").split("\n\n")[0].replace("\n", " ").strip()
        lines = [
            f"## {name}",
            "",
            told,
            "",
            row("option", "variable", "default", "meaning"),
            "|---|---|---|---|",
        ]
        lines += [_parameter(one) for one in command.params if not getattr(one, "hidden", False)]
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _parameter(parameter: Any) -> str:
    names = [*parameter.opts, *parameter.secondary_opts]
    if parameter.param_type_name == "argument":
        names = [(parameter.metavar or parameter.name).upper()]
    variable = parameter.envvar
    variables = [variable] if isinstance(variable, str) else list(variable or ())
    value = parameter.default
    default = "" if callable(value) or value in _NO_DEFAULT else f"`{value}`"
    help_text = " ".join(str(getattr(parameter, "help", None) or "").split())
    return row(
        ", ".join(f"`{one}`" for one in names), ", ".join(f"`{one}`" for one in variables), default, help_text
    )


def tools_table() -> str:
    """What coding agents are given."""
    lines = [row("tool", "what it does", "needs a key for"), "|---|---|---|"]
    for one in TOOLS:
        lines.append(row(f"`{one.name}`", one.says, "" if one.purpose is None else one.purpose.value))
    return "\n".join(lines) + "\n"


def capabilities_table() -> str:
    """What can be done, and by which call, command and tool."""
    lines = [row("what", "call", "command", "tool"), "|---|---|---|---|"]
    for one in CAPABILITIES:
        ways = (one.call, one.command and f"outworx {one.command}", one.tool and one.name)
        lines.append(row(one.says, *(f"`{way}`" if way else "" for way in ways)))
    return "\n".join(lines) + "\n"
