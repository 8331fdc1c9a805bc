"""Checks what an agent gives a tool against the table of capabilities. No value is repeated in an error."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.capability import MAX_TEXT, MAX_VALUES, Capability, Parameter
from outworx_otel.setup.options import unknown_name
from outworx_otel.telemetry.redaction import is_sensitive

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def checked(capability: Capability, given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the arguments, with defaults for those that are left out; None for those without one.

    Raises:
        ConfigurationError: one is unknown, missing, or none that the parameter takes.
    """
    known = {parameter.name: parameter for parameter in capability.of("tool")}
    for name in given:
        if name not in known:
            raise ConfigurationError(_unknown(str(name)[:100], tuple(known)))
    return {name: _value(parameter, given.get(name)) for name, parameter in known.items()}


def _unknown(name: str, known: tuple[str, ...]) -> str:
    if is_sensitive(name) and "secret_env" in known:
        return f"{name}: secrets are never passed: name the environment variable that holds it, by secret_env"
    return unknown_name("argument", name, known)


def _value(parameter: Parameter, given: Any) -> Any:
    if given is None:
        if parameter.required:
            raise ConfigurationError(f"{parameter.name} is needed: {parameter.says}")
        return parameter.default
    problem = _PROBLEMS[parameter.kind](parameter, given)
    if problem is not None:
        raise ConfigurationError(f"{parameter.name}: {problem}")
    if parameter.kind == "texts":
        return [given] if isinstance(given, str) else list(given)
    return given.strip() if parameter.kind == "text" and parameter.name not in _TO_THE_BYTE else given


_TO_THE_BYTE: Final = ("body",)


def _text_problem(parameter: Parameter, given: Any) -> str | None:
    if not isinstance(given, str):
        return "must be text"
    if "\0" in given and parameter.name not in _TO_THE_BYTE:
        return "contains a NUL character"
    if len(given) > (parameter.most or MAX_TEXT):
        return f"is longer than {parameter.most or MAX_TEXT} characters"
    if len(given) < (parameter.least or 0):
        return "is empty"
    if parameter.choices and given not in parameter.choices:
        return f"must be one of {', '.join(parameter.choices)}"
    if parameter.pattern and not re.fullmatch(parameter.pattern, given):
        return f"must be as described: {parameter.says}"
    if parameter.name == "secret_env" and not _NAME.fullmatch(given):
        return "must be the name of an environment variable, never a secret"
    return None


def _texts_problem(parameter: Parameter, given: Any) -> str | None:
    values = [given] if isinstance(given, str) else given
    if not isinstance(values, list):
        return "must be a list of texts"
    if len(values) > MAX_VALUES:
        return f"has more than {MAX_VALUES} values"
    problems = (_text_problem(parameter, value) for value in values)
    return next((problem for problem in problems if problem is not None), None)


def _number_problem(parameter: Parameter, given: Any) -> str | None:
    kinds = (int,) if parameter.kind == "whole" else (int, float)
    if isinstance(given, bool) or not isinstance(given, kinds) or not math.isfinite(given):
        return "must be a whole number" if parameter.kind == "whole" else "must be a number"
    if parameter.least is not None and given < parameter.least:
        return f"must be {parameter.least} or more"
    if parameter.most is not None and given > parameter.most:
        return f"must be {parameter.most} or less"
    return None


def _flag_problem(parameter: Parameter, given: Any) -> str | None:
    return None if isinstance(given, bool) else "must be true or false"


_PROBLEMS: Final = {
    "text": _text_problem,
    "texts": _texts_problem,
    "whole": _number_problem,
    "number": _number_problem,
    "flag": _flag_problem,
}
