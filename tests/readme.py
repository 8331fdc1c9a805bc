"""The README's own text, for tests that run what it says."""

from __future__ import annotations

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def block(heading: str, language: str = "python", number: int = 0) -> str:
    """A code block below a heading."""
    _, _, section = README.partition(f"\n{heading}\n")
    section = re.split(r"\n#{2,3} ", section)[0]
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```", section, re.MULTILINE | re.DOTALL)
    return found[number]
