"""The Dockerfile and the compose file: what they name exists, commands run as given, and no secret is in them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from dockerfile_parse import DockerfileParser
from support.commands import quiet_environment
from support.receiver import free_port

from outworx_otel.cli._app import app

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PATIENCE = 120.0
_SECRET = re.compile(r"key|password|secret|token", re.IGNORECASE)


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, in order."""
    parser = DockerfileParser(path=str(DEPLOY / "Dockerfile"))
    return [(one["instruction"], one["value"]) for one in parser.structure if one["instruction"] != "COMMENT"]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return dict(yaml.safe_load((DEPLOY / "compose.yaml").read_text()))


def variables_of_serve() -> set[str]:
    """What `outworx serve` reads, out of its options."""
    command = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    return {str(option.envvar) for option in command.params if option.envvar}


def environment_of(steps: list[tuple[str, str]]) -> dict[str, str]:
    pairs = (pair.partition("=") for name, value in steps if name == "ENV" for pair in value.split())
    return {name: value for name, _, value in pairs}


def last(steps: list[tuple[str, str]], name: str) -> str:
    return [value for instruction, value in steps if instruction == name][-1]


def test_the_base_is_pinned_and_the_user_is_nobody_special(steps: list[tuple[str, str]]) -> None:
    bases = [value.split()[0] for name, value in steps if name == "FROM"]
    assert all(re.fullmatch(r"python:\d+\.\d+\.\d+-slim-\w+", base) for base in bases)
    assert last(steps, "USER") == "10001:10001"
    assert [name for name, _ in steps].index("USER") < [name for name, _ in steps].index("CMD")
    assert last(steps, "VOLUME") == last(steps, "WORKDIR") == "/var/lib/outworx"


def test_no_layer_holds_a_secret(steps: list[tuple[str, str]]) -> None:
    named = [value for name, value in steps if name in ("ENV", "ARG", "LABEL")]
    assert not _SECRET.search(" ".join(named))
    ignored = (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines()
    assert ignored[0] == "*"
    # All that is copied is let through, and nothing else.
    copied = {
        part
        for name, value in steps
        if name == "COPY" and "--from" not in value
        for part in value.split()[:-1]
    }
    assert {line.removeprefix("!") for line in ignored if line.startswith("!")} == {
        part.removeprefix("./") for part in copied
    }
    assert all((ROOT / part).exists() for part in copied)


def test_every_variable_is_one_that_the_server_reads(
    steps: list[tuple[str, str]], compose: dict[str, Any]
) -> None:
    read = variables_of_serve()
    assert "OUTWORX_SERVE_API_KEYS" in read
    named = {*environment_of(steps), *compose["services"]["server"]["environment"]}
    assert {name for name in named if name.startswith("OUTWORX_")} <= read
    example = set(re.findall(r"^(\w+)=", (DEPLOY / "example.env").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text())) == example


def test_the_compose_file_demands_its_secrets_and_waits_for_the_database(compose: dict[str, Any]) -> None:
    server, database = compose["services"]["server"], compose["services"]["database"]
    for value in (
        server["environment"]["PGPASSWORD"],
        server["environment"]["OUTWORX_SERVE_API_KEYS"],
        database["environment"]["POSTGRES_PASSWORD"],
    ):
        assert re.fullmatch(r"\$\{\w+:\?[^}]+\}", value)
    assert ":" not in server["environment"]["OUTWORX_SERVE_DATABASE"].split("//")[1].split("@")[0]
    assert server["depends_on"]["database"]["condition"] == "service_healthy"
    assert "healthcheck" in database
    assert all(port.startswith("127.0.0.1:") for port in server["ports"])
    assert (DEPLOY / server["build"]["context"] / server["build"]["dockerfile"]).is_file()
    assert {volume.partition(":")[0] for volume in database["volumes"]} == set(compose["volumes"])


def test_the_command_runs_as_given_and_the_health_check_finds_it(
    steps: list[tuple[str, str]], tmp_path: Path
) -> None:
    command = json.loads(last(steps, "CMD"))
    check = json.loads(last(steps, "HEALTHCHECK").partition("CMD")[2])
    scripts = str(Path(sys.executable).parent)
    environ = {
        **quiet_environment(),
        **environment_of(steps),
        "PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}",
        # What a container has of its own: a place and a port.
        "OUTWORX_SERVE_DATABASE": f"sqlite:///{tmp_path}/outworx.db",
        "OUTWORX_SERVE_PORT": str(free_port()),
        "OUTWORX_SERVE_API_KEYS": "ingest:a-key-to-send-with admin:a-key-to-administer",
    }
    assert subprocess.run(check, env=environ, capture_output=True, check=False).returncode != 0  # noqa: S603
    with (tmp_path / "said").open("wb") as out:
        process = subprocess.Popen(command, env=environ, stdout=out, stderr=subprocess.STDOUT, cwd=tmp_path)  # noqa: S603
    try:
        until = time.monotonic() + PATIENCE
        while "Press Ctrl+C" not in (tmp_path / "said").read_text():
            assert process.poll() is None, (tmp_path / "said").read_text()
            assert time.monotonic() < until
            time.sleep(0.05)
        healthy = subprocess.run(check, env=environ, capture_output=True, check=False)  # noqa: S603
        assert healthy.returncode == 0, healthy.stderr
    finally:
        process.send_signal(getattr(signal, last(steps, "STOPSIGNAL")))
    assert process.wait(PATIENCE) == 0
