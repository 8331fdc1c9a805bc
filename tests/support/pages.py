"""The text of the README and the pages, for tests that run what it says."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def page(name: str) -> str:
    """`README.md`, or a page by its place in docs/."""
    return (ROOT / name if name == "README.md" else ROOT / "docs" / name).read_text(encoding="utf-8")


def block(name: str, heading: str = "", language: str = "python", number: int = 0) -> str:
    """A code block of a page, or of what stands below a heading of it."""
    text = page(name)
    if heading:
        _, found, text = text.partition(f"\n{heading}\n")
        assert found, f"{name} has no {heading!r}"
        text = re.split(r"\n#{2,3} ", text)[0]
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.MULTILINE | re.DOTALL)[number]
