"""The messages that the page on troubleshooting begins with are those that people see."""

from __future__ import annotations

import re
from importlib import metadata

import pytest
from support.pages import page

TEXT = page("troubleshooting/index.md")
# Message and distribution, of each row whose second cell begins with a distribution's name.
ROWS = [
    (message, owner)
    for messages, owner in re.findall(r"^\| (`[^|]+) \| `([\w-]+)`", TEXT, re.MULTILINE)
    for message in re.findall(r"`([^`]+)`", messages)
    if message != "False"
]


def source_of(distribution: str) -> str:
    """All Python code of a distribution, with texts that span lines put together."""
    files = metadata.files(distribution) or []
    code = "\n".join(
        file.read_text() for file in files if file.suffix == ".py" and "/tests/" not in str(file)
    )
    return re.sub(r"[\"']\s*\n\s*f?[\"']", "", code)


@pytest.mark.parametrize("owner", sorted({owner for _, owner in ROWS}))
def test_a_library_says_what_the_page_quotes(owner: str) -> None:
    code = source_of(owner)
    missing = [message for message, of in ROWS if of == owner and message not in code]

    assert code
    assert missing == []


def test_the_page_quotes_many() -> None:
    assert {"stripe", "standardwebhooks", "openai", "telnyx", "django", "starlette"} <= {of for _, of in ROWS}


def test_what_ours_says_is_on_the_page() -> None:
    assert "`Invalid webhook signature`" in TEXT
    assert '`{"error": "Invalid webhook signature"}`' in TEXT
