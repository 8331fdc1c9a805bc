"""`pip install "outworx-otel[auto]"` and no more: every command works, or names what to install."""

from __future__ import annotations

from pathlib import Path

import pytest

from .newcomer import Environment

COMMANDS = {
    "trigger": (
        ("trigger", "stripe", "charge.succeeded", "--to", "1/webhooks/stripe", "--secret-env", "SHOP"),
        "nothing listens at http://localhost:1",
    ),
    "forward": (("forward", "3000", "--new", "--endpoint", "localhost:1"), "cannot be reached"),
    "replay": (("replay", "abc", "--to", "3000", "--endpoint", "localhost:1"), "no server at"),
    "serve": (("serve",), "pip install 'outworx-otel[server]'"),
}


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("lean") / "venv", "outworx-otel[auto]")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_needs_no_extra_or_names_it(name: str, environment: Environment, tmp_path: Path) -> None:
    arguments, hint = COMMANDS[name]

    done = environment.run("outworx", *arguments, cwd=tmp_path, SHOP="whsec_0123456789abcdef")

    said = done.stdout + done.stderr
    assert hint in said
    assert "Traceback" not in said
    assert done.returncode in (1, 2)
