"""The page about the command line says what the commands do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.commands import EXPLAINED, invoked

from outworx_otel.cli.doctor.doubles import CHECK, TRACES
from outworx_otel.cli.trigger.spoiling import SPOILED

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## `outworx (\w+)`[^\n]*\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("command", EXPLAINED)
def test_every_option_on_the_page_is_one_of_the_command(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", SECTIONS[command])) - {"--save"}

    assert told
    assert told <= set(re.findall(r"--[a-z][a-z-]+", invoked(command, "--help").out))


def test_every_reason_that_can_be_sent_and_every_check_is_on_the_page() -> None:
    assert all(f"`{reason}`" in SECTIONS["trigger"] for reason in SPOILED)
    assert all(
        f"| {check} |" in SECTIONS["doctor"] for check in (CHECK, TRACES, "packages", "clock", "secrets")
    )
