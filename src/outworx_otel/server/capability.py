"""What a row of the table of capabilities says, and the bounds that all ways share."""

from __future__ import annotations

from typing import Any, Final, Literal, NamedTuple

from outworx_otel.server.purposes import Purpose

Way = Literal["call", "command", "tool"]
"""How something is done: by a JSON call of the server, by a command, by a coding agent's tool."""

ParameterKind = Literal["text", "texts", "whole", "number", "flag"]

MAX_TEXT: Final = 1024
"""Characters of a text."""
MAX_VALUES: Final = 50
"""Values of a parameter that may be repeated."""
MAX_LIMIT: Final = 500
"""Rows of a page that a program asks for."""
DEFAULT_LIMIT: Final = 50
MAX_CURSOR: Final = 200
MAX_WHOLE: Final = 2**31 - 1

EVERY_WAY: Final = frozenset[Way]({"call", "command", "tool"})
CALL: Final = frozenset[Way]({"call"})
COMMAND: Final = frozenset[Way]({"command"})
TOOL: Final = frozenset[Way]({"tool"})


class Parameter(NamedTuple):
    """What can be said of one.

    Args:
        name: as calls and tools have it.
        says: what it is.
        kind: of its value; `texts` may be several.
        choices: the only values, where there are few.
        least: the smallest number; of a text, its fewest characters.
        most: the largest number; of a text, its most characters; of several, the most of each.
        default: what stands for it where it is left out.
        required: whether it may not be left out.
        pattern: what a text must be like.
        option: the command's option or argument, where the name does not make it.
        ways: which of the capability's ways have it.
    """

    name: str
    says: str
    kind: ParameterKind = "text"
    choices: tuple[str, ...] = ()
    least: int | None = None
    most: int | None = None
    default: int | bool | str | None = None
    required: bool = False
    pattern: str = ""
    option: str = ""
    ways: frozenset[Way] = EVERY_WAY

    @property
    def in_command(self) -> str:
        """The command's option `--name`, or the name of its argument."""
        return self.option or f"--{self.name.replace('_', '-')}"


class Capability(NamedTuple):
    """One thing that can be done.

    Args:
        name: what it is called here; the tool has the same.
        says: what it does, in a line.
        call: method and path; "" where no call does it.
        command: of `outworx`; "" where none does it.
        tool: what a coding agent is told beside the line; "" where there is no tool.
        purpose: what a key must be for, where there are keys; None: it needs none.
        parameters: of all of its ways.
    """

    name: str
    says: str
    call: str = ""
    command: str = ""
    tool: str = ""
    purpose: Purpose | None = None
    parameters: tuple[Parameter, ...] = ()

    def of(self, way: Way) -> tuple[Parameter, ...]:
        """The parameters that one way has."""
        return tuple(parameter for parameter in self.parameters if way in parameter.ways)

    def names(self, way: Way) -> tuple[str, ...]:
        """Their names."""
        return tuple(parameter.name for parameter in self.of(way))


def value_schema(parameter: Parameter) -> dict[str, Any]:
    """JSON Schema of what a parameter may be, for OpenAPI and for tools alike."""
    if parameter.kind == "texts":
        return {"type": "array", "items": _text(parameter), "maxItems": MAX_VALUES}
    schema = _text(parameter) if parameter.kind == "text" else _plain(parameter)
    return schema if parameter.default is None else schema | {"default": parameter.default}


def _plain(parameter: Parameter) -> dict[str, Any]:
    bounds = {"minimum": parameter.least, "maximum": parameter.most}
    kept = {name: bound for name, bound in bounds.items() if bound is not None}
    return {"type": _TYPES[parameter.kind], **kept}


def _text(parameter: Parameter) -> dict[str, Any]:
    if parameter.choices:
        return {"type": "string", "enum": list(parameter.choices)}
    schema: dict[str, Any] = {"type": "string", "maxLength": parameter.most or MAX_TEXT}
    if parameter.least:
        schema["minLength"] = parameter.least
    if parameter.pattern:
        schema["pattern"] = parameter.pattern
    return schema


_TYPES: Final[dict[ParameterKind, str]] = {"whole": "integer", "number": "number", "flag": "boolean"}
