"""No secret is in any answer: not one that leaked into a delivery, not one that is configured, not the key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.serve_command import Command

from .agent import Agent, over_stdio
from .conftest import ADMIN, SECRET
from .incident import LEAKED, Incident


def answers(agent: Agent, incident: Incident) -> str:
    """Everything that the reading tools say of the incident."""
    listed = agent.call("list_problems")
    numbers = [int(number) for number in re.findall(r'"id": (\d+)', listed.text)]
    assert numbers
    replies = [
        listed,
        agent.call("list_deliveries"),
        agent.call("describe_endpoint"),
        *(agent.call("explain_problem", id=number) for number in numbers),
        *(agent.call("explain_delivery", id=id) for id in incident),
    ]
    return "\n".join(reply.text for reply in replies)


def test_no_secret_of_a_delivery_is_in_any_answer(agent: Agent, incident: Incident) -> None:
    told = answers(agent, incident)
    assert {where: secret for where, secret in LEAKED.items() if secret in told} == {}
    assert "u:p@" not in told
    # What is beside them is still there.
    assert "page=2" in told
    assert "4900" in told
    for secret in (ADMIN, SECRET):
        assert secret not in told


def test_a_configured_secret_that_got_into_a_delivery_is_hidden_by_its_text(
    folder: Path, server: Command, incident: Incident
) -> None:
    """Whatever is called a secret in the environment of the tools is known by its very text."""
    with over_stdio(folder, "--url", server.url, OUTWORX_API_KEY=ADMIN, SHOP_STRIPE="KeyError") as agent:
        told = agent.call("explain_delivery", id=incident.failed).text
        assert "KeyError" not in told
        assert "[redacted]" in told


@pytest.mark.parametrize("name", ["OUTWORX_API_KEY", "OUTWORX_SERVE_API_KEYS", "OUTWORX_TOKEN_SECRET"])
def test_our_own_keys_are_no_secrets_to_sign_with(agent: Agent, name: str) -> None:
    for tool, arguments in {
        "verify_signature": {
            "provider": "github",
            "headers": ["X-Hub-Signature-256: sha256=0"],
            "body": "{}",
        },
        "trigger": {"provider": "github", "event": "push", "to": "http://127.0.0.1:1/"},
    }.items():
        reply = agent.call(tool, secret_env=name, **arguments)
        assert reply.is_error
        assert "not known to hold a webhook's secret" in reply.said


def test_a_variable_that_is_no_webhooks_secret_is_not_used_where_it_would_be_seen(
    stdio: Agent, http: Agent
) -> None:
    """GitLab's token is sent as it is; and the environment of a server is not the agent's."""
    sent = {"to": "http://127.0.0.1:1/", "secret_env": "SHOP_OTHER"}
    assert "not known to hold" in stdio.call("trigger", provider="gitlab", event="Push Hook", **sent).said
    assert "not known to hold" in http.call("trigger", provider="github", event="push", **sent).said
    # Unset, but allowed: of a signature nothing can be read.
    assert "is not set" in stdio.call("trigger", provider="github", event="push", **sent).said


def test_a_secret_that_is_sent_by_mistake_is_not_repeated(agent: Agent) -> None:
    for arguments in ({"secret": LEAKED["by its shape"]}, {"secret_env": LEAKED["by its shape"] + "/"}):
        reply = agent.call("verify_signature", provider="github", body="{}", **arguments)
        assert reply.is_error
        assert LEAKED["by its shape"] not in reply.text
