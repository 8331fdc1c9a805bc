"""The text of a page for programs: where the site shows a docstring, the text has it too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import griffe

_OBJECT = re.compile(r"^::: ([\w.]+)\n(?:^ {4}.*\n|^\n(?= {4}))*", re.MULTILINE)


def twin(page: str, code: Path) -> str:
    """A page's text, with docstrings."""
    return _OBJECT.sub(lambda found: _described(found[1], code), page)


@cache
def _package(name: str, code: Path) -> Any:
    return griffe.load(name, search_paths=[code], try_relative_path=False)


def _described(path: str, code: Path) -> str:
    package, _, name = path.partition(".")
    found = _package(package, code)[name]
    found = found.final_target if found.is_alias else found
    parts = [f"### `{found.name}`", *_text(found)]
    if found.is_class:
        for member in found.members.values():
            if member.name.startswith("_") or not member.docstring:
                continue
            parts += [f"#### `{found.name}.{member.name}`", *_text(member)]
    return "\n\n".join(parts) + "\n"


def _text(found: Any) -> Iterator[str]:
    if found.is_function:
        yield f"```python\n{found.signature()}\n```"
    if found.docstring:
        yield str(found.docstring.value)
