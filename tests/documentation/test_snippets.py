"""Every code block of the README and the pages can be read as what it says it is; configurations are taken."""

from __future__ import annotations

import ast
import json
import re
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.pages import ROOT

from outworx_otel.setup.options import TrackOptions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def _python(text: str) -> object:
    # An ellipsis in the middle of arguments stands for further ones.
    return ast.parse(re.sub(r", \.\.\.(?=[})\]])", "", text))


READERS: dict[str, Callable[[str], Any]] = {
    "python": _python,
    "toml": tomllib.loads,
    "yaml": lambda text: list(yaml.safe_load_all(text)),
    "json": json.loads,
}


def blocks(page: Path) -> Iterator[tuple[str, str]]:
    """The language and text of each code block."""
    text = page.read_text(encoding="utf-8")
    for indent, language, block in re.findall(r"^( *)```(\w+)\n(.*?)^\1```$", text, re.MULTILINE | re.DOTALL):
        yield language, textwrap.dedent(block) if indent else block


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_block_is_what_it_says(page: Path) -> None:
    for language, text in blocks(page):
        if language in READERS:
            try:
                READERS[language](text)
            except Exception as error:  # noqa: BLE001  # of whichever reader
                pytest.fail(f"{language} of {page.name}: {error}\n{text}")


def test_every_endpoint_in_a_configuration_is_taken() -> None:
    found = [
        TrackOptions.from_mapping(options, f"{page.name}, {path}")
        for page in PAGES
        for language, text in blocks(page)
        if language == "toml"
        for path, options in tomllib.loads(text).get("endpoints", {}).items()
    ]

    assert len(found) > 150
