"""SECURITY.md names tests that are there, and names one for every threat."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
THREATS = re.findall(r"^\| (?!tries to|---|what)(.*?) \| (.*?) \| (`.*`) \|$", PAGE, re.MULTILINE)


def functions_of(file: Path) -> set[str]:
    """The tests that pytest finds in a file: its functions, and the methods of its classes."""
    nodes = ast.walk(ast.parse(file.read_text(encoding="utf-8")))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_the_threat_model_names_is_there() -> None:
    named = [reference for *_, tests in THREATS for reference in re.findall(r"`([^`]+)`", tests)]
    missing = [
        reference
        for reference in named
        if not (ROOT / "tests" / reference.partition("::")[0]).is_file()
        or reference.partition("::")[2] not in functions_of(ROOT / "tests" / reference.partition("::")[0])
    ]
    assert len(named) > 40
    assert missing == []


def test_each_of_the_four_has_threats_and_each_threat_a_test() -> None:
    sections = re.findall(r"^### (.*?)\n(.*?)(?=^##)", PAGE, re.MULTILINE | re.DOTALL)
    counts = {title: len(re.findall(r"^\| (?!tries to|---)", text, re.MULTILINE)) for title, text in sections}
    del counts["Not held"]
    assert list(counts) == [
        "Who can post to the application",
        "Who can reach the server",
        "A page in the developer's browser",
        "A faulty network",
    ]
    assert min(counts.values()) >= 5
    assert sum(counts.values()) == len(THREATS)
