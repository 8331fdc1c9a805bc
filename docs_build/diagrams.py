"""Mermaid's text becomes a picture while the site is built, so that no page asks a foreign host for a program."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import merman
from pymdownx.superfences import SuperFencesException

_THEME = {"theme": "neutral"}


def fence(source: str, _language: str, css_class: str, *_rest: Any, **_others: Any) -> str:
    """The picture of a code block, for `pymdownx.superfences`.

    Raises:
        SuperFencesException: the text is no diagram. Any other exception would make a plain code block of it.
    """
    name = "diagram-" + hashlib.sha256(source.encode()).hexdigest()[:12]
    options = {"site_config": _THEME, "svg": {"diagram_id": name}}
    try:
        picture = merman.Merman().render_svg(source, json.dumps(options))
    except merman.MermanError as error:
        raise SuperFencesException(f"{error}, in:\n{source}") from error
    return f'<div class="{css_class}">{picture}</div>'
