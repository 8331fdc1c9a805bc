"""Escapes what a template prints."""

from __future__ import annotations

import re
from typing import Any, Final

from markupsafe import Markup

from outworx_otel.server.formatting import short, visible

MAX_SHOWN: Final = 2_000
_SEAMS: Final = re.compile(r"(?<=[._/:\-])(?=[^._/:\-])")


def shown(value: Any) -> Any:
    """Escapes any value that a template prints. It is the environment's `finalize`, so no template can forget it."""
    # Of thousands on a page nearly all are this.
    if type(value) is str and len(value) <= MAX_SHOWN and value.isprintable():
        return value
    if value is None:
        return ""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return visible(short(value, MAX_SHOWN))


def breakable(text: str) -> Markup:
    """A name that a line may end within, after a dot, a dash, a slash or an underscore: not within a word."""
    return Markup("<wbr>").join(_SEAMS.split(visible(text)))
