"""What agents get, over both ways, from a real server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from support.serve_command import Command

from outworx_otel.server.capabilities import TOOLS

from .agent import Agent, over_http, over_stdio
from .conftest import READER
from .incident import Incident


def document_of(quotation: str) -> object:
    """What is quoted, read as the JSON that it is."""
    lines = [line[2:] for line in quotation.split("\n") if line.startswith("| ")]
    try:
        return json.loads("\n".join(lines))
    except ValueError:
        return [json.loads(line) for line in lines]


def test_the_tools_are_those_of_the_table_with_a_description_of_every_argument(agent: Agent) -> None:
    tools = agent.tools()
    assert list(tools) == [capability.name for capability in TOOLS]
    for tool in tools.values():
        schema = tool.input_schema
        assert schema["additionalProperties"] is False
        assert all(one["description"] for one in schema["properties"].values())
        sends = tool.name in ("trigger", "replay")
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (not sends, sends)


def test_problems_are_listed_and_one_is_explained(agent: Agent, incident: Incident) -> None:
    listed = agent.call("list_problems", provider="stripe")
    rows = document_of(listed.quotations[0])
    assert isinstance(rows, list)
    number = next(row["id"] for row in rows if "KeyError" in row["headline"] or row["unhandled_events"])
    explained = agent.call("explain_problem", id=number)
    assert "What to do: Mend the exception, and replay what is unhandled." in explained.said
    assert "What happens: an exception or a 5xx" in explained.said
    assert "payments" in explained.quotations[0] or "stripe" in explained.quotations[0]
    assert agent.call("explain_problem", id=999_999).said == "There is no problem of this number."


def test_deliveries_are_listed_by_filters_and_page_by_page(agent: Agent, incident: Incident) -> None:
    rows = document_of(agent.call("list_deliveries", outcome=["rejected"], since="1h").quotations[0])
    assert isinstance(rows, dict) or [row["id"] for row in rows] == [incident.rejected]  # type: ignore[attr-defined]
    first = agent.call("list_deliveries", limit=2)
    cursor = re.search(r"cursor=(\S+)", first.said)
    assert cursor is not None
    second = agent.call("list_deliveries", limit=2, cursor=cursor[1])
    assert document_of(first.quotations[0]) != document_of(second.quotations[0])
    assert agent.call("list_deliveries", provider=["nobody"]).said == "No delivery is like this."


def test_a_failure_is_explained_with_its_place_and_what_to_do(agent: Agent, incident: Incident) -> None:
    reply = agent.call("explain_delivery", id=incident.failed)
    assert "Outcome: error (an exception or a 5xx)." in reply.said
    assert "What to do: Once the cause is mended, replay it" in reply.said
    told = document_of(reply.quotations[0])
    assert isinstance(told, dict)
    assert told["place"]["file"] == "/srv/shop/payments.py"
    assert told["exceptions"][0]["type"] == "KeyError"


def test_a_rejection_is_explained_by_its_reason(agent: Agent, incident: Incident) -> None:
    said = agent.call("explain_delivery", id=incident.rejected).said
    assert "Signature: not valid (hmac_mismatch:" in said
    assert "Compare the endpoint's secret with the one in the provider's dashboard" in said


def test_an_endpoint_is_described_by_its_configuration_and_by_how_it_does(agent: Agent) -> None:
    here, there = map(document_of, agent.call("describe_endpoint", path="/webhooks/stripe").quotations)
    assert isinstance(here, dict)
    (row,) = here["endpoints"]
    assert (row["provider"], row["secret_is_set"]) == ("stripe", True)
    rows = [there] if isinstance(there, dict) else there
    assert isinstance(rows, list)
    assert {one["route"] for one in rows} == {"/webhooks/stripe"}
    github, *_ = map(document_of, agent.call("describe_endpoint", path="/webhooks/github").quotations)
    assert isinstance(github, dict)
    assert github["endpoints"][0]["secret_is_set"] is False


def test_without_a_server_what_needs_none_works_and_the_rest_says_how_to_start_one(tmp_path: Path) -> None:
    secret = "a-secret-of-nobody"  # noqa: S105
    with over_stdio(tmp_path, "--url", "http://127.0.0.1:1", GITHUB_WEBHOOK_SECRET=secret) as agent:
        for name, arguments in {
            "list_problems": {},
            "explain_problem": {"id": 1},
            "list_deliveries": {},
            "explain_delivery": {"id": "abcd"},
            "replay": {"id": "abcd", "to": "3000"},
        }.items():
            reply = agent.call(name, **arguments)
            assert reply.is_error
            assert "outworx serve" in reply.said
            assert "outworx dev" in reply.said
        assert not agent.call("list_providers", search="git").is_error
        assert not agent.call("describe_endpoint").is_error
        verdict = agent.call(
            "verify_signature", provider="github", headers=["X-Hub-Signature-256: sha256=00"], body="{}"
        )
        assert "Not valid" in verdict.said
        assert secret not in verdict.text
        nobody = agent.call("trigger", provider="github", event="push", to="http://127.0.0.1:1/hook")
        assert nobody.said == "No answer came: is the application running there?"
        assert "nothing listens at http://127.0.0.1:1" in nobody.quotations[0]


@pytest.mark.parametrize("mode", ["auto", "legacy"])
def test_a_key_to_read_reads_and_sends_nothing(server: Command, incident: Incident, mode: str) -> None:
    with over_http(server.url, {"Authorization": f"Bearer {READER}"}, mode) as reader:
        assert not reader.call("explain_delivery", id=incident.good).is_error
        for name, arguments in {
            "trigger": {"provider": "github", "event": "push"},
            "replay": {"id": incident.good},
        }.items():
            reply = reader.call(name, to="http://127.0.0.1:1/hook", **arguments)
            assert reply.is_error
            assert "may only read" in reply.said


def test_a_key_to_read_sends_nothing_over_stdio_either(folder: Path, server: Command) -> None:
    with over_stdio(folder, OUTWORX_ENDPOINT=server.url, OUTWORX_API_KEY=READER) as reader:
        reply = reader.call("trigger", provider="github", event="push", to="http://127.0.0.1:1/hook")
        assert "may only read" in reply.said


def test_a_key_that_is_not_taken_is_said(folder: Path, server: Command) -> None:
    with over_stdio(folder, "--url", server.url, OUTWORX_API_KEY="owx-key-of-nobody") as stranger:
        for name, arguments in {
            "list_problems": {},
            "trigger": {"provider": "github", "event": "push", "to": "http://127.0.0.1:1/"},
        }.items():
            reply = stranger.call(name, **arguments)
            assert reply.is_error
            assert "set OUTWORX_API_KEY" in reply.said
            assert "owx-key-of-nobody" not in reply.text


WRONG = (
    ("list_problems", {"state": "bad"}, "state: must be one of open"),
    ("list_problems", {"limit": 51}, "limit: must be 50 or less"),
    ("list_problems", {"limit": True}, "limit: must be a whole number"),
    ("list_problems", {"stat": "open"}, "did you mean 'state'?"),
    ("list_deliveries", {"outcome": "sucess"}, "outcome: must be one of"),
    ("explain_delivery", {}, "id is needed"),
    ("verify_signature", {"secret": "whsec_x"}, "never passed"),
    ("verify_signature", {"secret_env": "whsec_x/+="}, "never a secret"),
    ("verify_signature", {"provider": "github"}, "one of body and body_base64"),
    ("verify_signature", {"provider": "github", "body_base64": "!"}, "no base64"),
    ("describe_endpoint", {"range": "soon"}, "range: must be as described"),
    ("trigger", {"provider": "nobody", "to": "3000"}, "no samples of"),
    ("no_such_tool", {}, "There is no such tool"),
)


@pytest.mark.parametrize(("name", "arguments", "told"), WRONG)
def test_what_makes_no_sense_is_said_and_no_value_of_a_secret_repeated(
    agent: Agent, name: str, arguments: dict[str, object], told: str
) -> None:
    reply = agent.call(name, **arguments)
    assert reply.is_error
    assert told in reply.said
    assert "whsec_x" not in reply.text
