"""The page for those who have agents says what the table does, and what it gives to copy can be used."""

from __future__ import annotations

import json
import re
from pathlib import Path

from outworx_otel.server.capabilities import TOOLS

PAGE = (Path(__file__).parents[3] / "docs" / "agents.md").read_text(encoding="utf-8")
SKILL = re.search(r"```markdown\n(.*?)```", PAGE, re.DOTALL)


def test_the_skill_has_a_head_and_names_what_there_is() -> None:
    assert SKILL is not None
    head, _, body = SKILL[1].removeprefix("---\n").partition("\n---\n")
    assert re.fullmatch(r"name: [a-z-]+\ndescription: .{50,1024}", head)
    named = set(re.findall(r"`([a-z]+_[a-z_]+|trigger|replay)`", body))
    known = {one.name for one in TOOLS}
    arguments = {name for one in TOOLS for name in one.names("tool")}
    outcomes = {"silent_drop", "parsed_body", "hmac_mismatch", "timestamp_drift"}
    assert named <= known | arguments | outcomes
    assert {"list_problems", "explain_delivery", "trigger", "replay"} <= named


def test_the_configurations_are_json() -> None:
    blocks = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 2
    assert all("outworx" in json.loads(block)["mcpServers"] for block in blocks)
