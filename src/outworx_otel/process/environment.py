"""The one reader of environment variables: typed, with aliases, and errors that name the variable.

White space round a value is ignored, and an empty variable counts as unset, as everywhere in OpenTelemetry.
Of several names, the first that is set is read.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Final

from outworx_otel.errors import ConfigurationError

_TRUE: Final = frozenset({"1", "true", "yes", "on"})
_FALSE: Final = frozenset({"0", "false", "no", "off"})
_MAX_SHOWN: Final = 40

Environ = Mapping[str, str]

Names = tuple[str, ...]


def _family(name: str) -> Names:
    """One family of names: `OUTWORX_<NAME>`, and its older spelling `OUTWORX_HOOKS_<NAME>`, which is an alias.

    Where both are set, the application and every command take the first.
    """
    return f"OUTWORX_{name}", f"OUTWORX_HOOKS_{name}"


API_KEY: Final = _family("API_KEY")
ENDPOINT: Final = _family("ENDPOINT")
PROTOCOL: Final = _family("PROTOCOL")
DEBUG: Final = _family("DEBUG")
EXIT_FLUSH: Final = _family("EXIT_FLUSH")
QUIET: Final = _family("QUIET")
# Any of these says that telemetry is to go to Outworx.
DESTINATION: Final = (*API_KEY, *ENDPOINT)
FAMILIES: Final = (API_KEY, ENDPOINT, PROTOCOL, DEBUG, EXIT_FLUSH, QUIET)


def name_set(*names: str, environ: Environ | None = None) -> str | None:
    """Returns the first of these variables that is set, None if none is."""
    variables = os.environ if environ is None else environ
    return next((name for name in names if variables.get(name, "").strip()), None)


def text(*names: str, environ: Environ | None = None) -> str | None:
    """Returns the value, None if none of the variables is set."""
    variables = os.environ if environ is None else environ
    name = name_set(*names, environ=variables)
    return None if name is None else variables[name].strip()


def disagreement(*names: str, environ: Environ | None = None) -> str | None:
    """What has to be said where several names of one variable are set to different values; None where they agree."""
    variables = os.environ if environ is None else environ
    named = [name for name in names if text(name, environ=variables)]
    if len({variables[name].strip() for name in named}) < 2:
        return None
    return f"{' and '.join(named)} differ; {named[0]} is taken. Unset the other, which is its older name"


def raw(*names: str, environ: Environ | None = None) -> str | None:
    """Returns the value with its white space, None if all variables are unset or empty. For secrets."""
    variables = os.environ if environ is None else environ
    return next((variables[name] for name in names if variables.get(name)), None)


def beginning_with(prefix: str, environ: Environ | None = None) -> dict[str, str]:
    """Returns the variables whose names begin so and that are set, with their values as they stand."""
    variables = os.environ if environ is None else environ
    return {name: value for name, value in variables.items() if name.startswith(prefix) and value.strip()}


def flag(*names: str, default: bool = False, environ: Environ | None = None) -> bool:
    """Returns True for `1`, `true`, `yes` or `on`, False for `0`, `false`, `no` or `off`, in any case of letters.

    Raises:
        ConfigurationError: any other value.
    """
    said = text(*names, environ=environ)
    if said is None:
        return default
    if said.lower() in _TRUE:
        return True
    if said.lower() in _FALSE:
        return False
    raise ConfigurationError(
        f"{name_set(*names, environ=environ)} must be true or false, not {said[:_MAX_SHOWN]!r}"
    )


def is_on(*names: str, environ: Environ | None = None) -> bool:
    """Whether a switch is on; a value that is neither true nor false leaves it off."""
    return (text(*names, environ=environ) or "").lower() in _TRUE


def number(*names: str, default: int, least: int = 0, environ: Environ | None = None) -> int:
    """Returns a whole number.

    Args:
        names: the variables.
        default: where none is set.
        least: the smallest number that can be used.

    Raises:
        ConfigurationError: no whole number, or a smaller one.
    """
    said = text(*names, environ=environ)
    if said is None:
        return default
    digits = said.removeprefix("-")
    # Longer numbers are no setting of anything, and `int` refuses to read very long ones.
    if digits.isascii() and digits.isdecimal() and len(digits) <= 18 and int(said) >= least:
        return int(said)
    raise ConfigurationError(
        f"{name_set(*names, environ=environ)} must be a whole number of {least} or more, not {said[:_MAX_SHOWN]!r}"
    )
