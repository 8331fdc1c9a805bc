"""`outworx problems`: what goes wrong at a server's endpoints, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import say, say_json, terminal_safe, usage
from outworx_otel.cli.delivery_rows import local_time, zone
from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed, server_for
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption
from outworx_otel.server.problems.problem import STATES

_JSON_TYPE: Final = ("Content-Type", "application/json")
_MOST: Final = 500


def problems(
    number: Annotated[
        int | None, typer.Argument(metavar="N", min=1, help="One problem's number. Left out: list them.")
    ] = None,
    state: Annotated[
        str | None, typer.Option("--state", help=f"Only those in this state: {', '.join(STATES)}.")
    ] = None,
    service: Annotated[str | None, typer.Option("--service", help="Only those of this service.")] = None,
    provider: Annotated[str | None, typer.Option("--provider", help="Only those of this provider.")] = None,
    set_state: Annotated[
        str | None, typer.Option("--set", metavar="STATE", help="Set the state of the one that is named.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=_MOST, help="So many at most.")] = 20,
    endpoint: EndpointOption = LOCAL,
    api_key: KeyOption = "",
    ca_bundle: CaBundle = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each problem, as the server gives it.")
    ] = False,
) -> None:
    """List a server's problems, say all of one, or set its state.

    A problem is what goes wrong in one way at one place. Where the server
    asks for keys it needs one for read, and one for admin to set a state.

    Examples:

    \b
      outworx problems
      outworx problems --state open --provider stripe
      outworx problems 3
      outworx problems 3 --set acknowledged
    """
    for option, given in (("--state", state), ("--set", set_state)):
        if given is not None and given not in STATES:
            usage("problems", f"{option}: must be one of {', '.join(STATES)}")
    if set_state is not None and number is None:
        usage("problems", "--set is for one problem: give its number")
    if number is not None and (state or service or provider):
        usage("problems", f"{number} is one problem: leave it out to choose many")
    asked = {"state": state, "service": service, "provider": provider, "limit": str(limit)}
    with server_for("problems", endpoint, api_key or None, authorities(ca_bundle)) as server:
        if number is None:
            found = _listed(server, {name: value for name, value in asked.items() if value})
        else:
            found = [_changed(server, number, set_state) if set_state else _one(server, number)]
    if as_json:
        for one in found:
            say_json(one)
    elif number is None:
        _print_rows(found)
    else:
        _print_one(found[0])


def _listed(server: OutworxServer, asked: Mapping[str, str]) -> list[dict[str, Any]]:
    page = server.read(f"/api/problems?{urlencode(asked)}")
    found = page.get("problems") if isinstance(page, dict) else None
    if not isinstance(found, list):
        raise ServerCallFailed(f"{server.address} answers with no problems: is it an outworx server?")
    return found


def _one(server: OutworxServer, number: int) -> dict[str, Any]:
    return _known(server, number, server.read(f"/api/problems/{number}"))


def _changed(server: OutworxServer, number: int, state: str) -> dict[str, Any]:
    body = json.dumps({"state": state}).encode()
    reply = server.call("POST", f"/api/problems/{number}", body=body, headers=(_JSON_TYPE,))
    if reply.status not in (200, 404):
        raise ServerCallFailed(f"{server.address} answers {reply.status}: {reply.problem or 'not why'}")
    return _known(server, number, json.loads(reply.body) if reply.status == 200 else None)


def _known(server: OutworxServer, number: int, problem: Any) -> dict[str, Any]:
    if not isinstance(problem, dict) or "headline" not in problem:
        raise ServerCallFailed(f"{server.address} has no problem {number}")
    return problem


def _print_rows(found: list[dict[str, Any]]) -> None:
    if not found:
        say("No problem is like this.", err=True)
    for one in found:
        counts = f"{one['deliveries']} deliveries, {one['unhandled_events']} events unhandled"
        last = f"last {local_time(one['last_seen'])} {zone()}"
        say(terminal_safe(f"{one['id']:>4}  {one['state']:<12}  {one['headline']}  ({counts}; {last})", 400))


def _print_one(one: Mapping[str, Any]) -> None:
    say(terminal_safe(one["headline"], 400), "red" if one["state"] == "open" else None)
    place = " in ".join(part for part in (one.get("code_file"), one.get("code_function")) if part)
    facts = (
        ("State", one["state"]),
        ("Said", one.get("message")),
        ("Where", place),
        ("What to do", one.get("advice")),
        ("First seen", f"{local_time(one['first_seen'])} {zone()}"),
        ("Last seen", f"{local_time(one['last_seen'])} {zone()}"),
        ("Last good", one.get("last_good") and f"{local_time(one['last_good'])} {zone()}"),
        ("Deliveries", f"{one['deliveries']} of {one['events']} events; {one['unhandled_events']} unhandled"),
        ("Service", "  ".join(part for part in (one["service"], one.get("environment")) if part)),
        ("Version", one.get("version")),
        ("Its last", one.get("last_delivery")),
    )
    for name, text in facts:
        if text:
            say(f"  {name:<11} {terminal_safe(str(text), 2_000)}")
