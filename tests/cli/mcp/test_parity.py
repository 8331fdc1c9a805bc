"""One table says what can be done: commands, calls and tools are those of its rows, and take what it says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import typer
from server.access.scene import WITH_KEY, application, client
from starlette.routing import Route

from outworx_otel.cli._app import app
from outworx_otel.cli.mcp.tools import FUNCTIONS
from outworx_otel.server.access.policies import Policy, rule_of
from outworx_otel.server.capabilities import BY_NAME, CAPABILITIES, FILTERS, TOOLS, line_of
from outworx_otel.server.capability import Capability, Parameter
from outworx_otel.server.description import description
from outworx_otel.server.fields import FILTERED
from outworx_otel.server.filters import PARAMETERS

# What others have laid down: OTLP, and the calls of the published SDK and of tunnels.
OTHERS = ("/api/ingest", "/api/sdk/", "/api/forward/", "/v1/")
CALLS = [one for one in CAPABILITIES if one.call]
COMMANDS = [one for one in CAPABILITIES if one.command]


def commands() -> dict[str, Any]:
    """Every command by its name, those below another one too."""
    found: dict[str, Any] = {}
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]
        within = getattr(command, "commands", None)
        found |= {name: command} if within is None else {f"{name} {sub}": one for sub, one in within.items()}
    return found


def test_every_row_has_a_name_of_its_own_and_a_way() -> None:
    assert len(BY_NAME) == len(CAPABILITIES)
    assert all(one.call or one.command or one.tool for one in CAPABILITIES)
    for one in CAPABILITIES:
        for way in ("call", "command", "tool"):
            assert len(one.names(way)) == len(set(one.names(way))), (one.name, way)


def test_every_command_is_in_the_table() -> None:
    assert {one.command for one in COMMANDS} == set(commands())


@pytest.mark.parametrize("command", sorted({one.command for one in COMMANDS} - {"alerts test"}))
def test_the_help_of_all_has_the_tables_line(command: str) -> None:
    assert commands()[command].get_short_help_str(300).rstrip(".") == line_of(command)


@pytest.mark.parametrize("capability", COMMANDS, ids=lambda one: one.name)
def test_a_command_takes_what_the_table_says(capability: Capability) -> None:
    taken = {name for one in commands()[capability.command].params for name in (*one.opts, one.name)}
    asked = (
        [] if capability.call.startswith("DELETE") and "{id}" in capability.call else capability.of("command")
    )
    assert {one.in_command for one in asked} <= taken


def test_every_call_of_ours_is_in_the_table_and_asks_for_its_purpose(tmp_path: Path) -> None:
    served = application(tmp_path)
    routes = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"
        for route in served.routes
        if isinstance(route, Route) and route.path.startswith(("/api/", "/healthz"))
        for method in (route.methods or ())
        if method != "HEAD" and not route.path.startswith(OTHERS)
    }
    served._store.close()
    assert {one.call for one in CALLS} == routes
    for one in CALLS:
        method, path = one.call.split()
        rule = rule_of(path.replace("{id}", "x"))
        needed = None if rule.policy is Policy.PUBLIC else rule.purpose(method)
        assert needed == one.purpose, one.name


def test_a_call_takes_what_the_table_says_and_nothing_else(tmp_path: Path) -> None:
    served = application(tmp_path)
    with client(served) as caller:
        for one in CALLS:
            method, path = one.call.split()
            if method == "POST" or "{" in path or not one.of("call"):
                continue
            for parameter in one.of("call"):
                answer = caller.request(
                    method, path, params={parameter.name: _sample(parameter)}, headers=WITH_KEY
                )
                assert "unknown parameter" not in answer.text, (one.name, parameter.name)
            unknown = caller.request(method, path, params={"nonsense": "1"}, headers=WITH_KEY)
            assert "unknown parameter 'nonsense'" in unknown.text, one.name


def _sample(parameter: Parameter) -> str:
    return parameter.choices[0] if parameter.choices else str(parameter.default or parameter.least or "1")


def test_the_description_says_of_calls_what_the_table_does() -> None:
    paths = json.loads(description())["paths"]
    for one in CALLS:
        method, path = one.call.split()
        told = paths[path][method.lower()]
        assert told["summary"] == one.says
        assert [each["name"] for each in told.get("parameters", ())] == list(one.names("call"))


def test_the_filters_are_those_that_are_read() -> None:
    assert {one.name for one in FILTERS if "call" in one.ways} == set(PARAMETERS)
    assert set(FILTERED) < set(PARAMETERS)


def test_every_tool_has_its_function_and_reads_by_the_calls_of_the_table() -> None:
    assert set(FUNCTIONS) == {one.name for one in TOOLS}
    for one in TOOLS:
        # Where there is a call, a tool takes of it whatever an agent needs, by the same names.
        assert set(one.names("call")) == set(one.names("tool")) or not one.call, one.name
