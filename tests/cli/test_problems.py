"""`outworx problems`: the calls about problems, in a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.commands import Outcome, invoked
from support.serve_command import Command

from cli.mcp.incident import HOSTILE, Incident, sent

ADMIN, READER, APP = "owx-key-of-an-admin", "owx-key-of-a-reader", "owx-key-of-an-app"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    keys = ("--api-key", f"admin:{ADMIN}", "--api-key", f"read:{READER}", "--api-key", f"ingest:{APP}")
    command = Command(tmp_path_factory.mktemp("problems"), keys).start()
    yield command.url
    command.kill()


@pytest.fixture(scope="module")
def incident(server: str) -> Incident:
    return sent(server, APP, ADMIN)


def ran(server: str, *arguments: object, key: str = READER) -> Outcome:
    return invoked("problems", *arguments, "--endpoint", server, "--api-key", key)


def test_problems_are_listed_and_one_is_told(server: str, incident: Incident, folder: Path) -> None:
    row = ran(server, "--provider", "stripe", "--json").json()[0]
    listed = ran(server)
    assert f"{row['id']:>4}  {row['state']}" in listed.out
    told = ran(server, row["id"])
    assert "What to do  Mend the exception, and replay what is unhandled." in told.out
    assert row["last_delivery"] in told.out


def test_a_state_is_set_by_a_key_for_admin(server: str, incident: Incident, folder: Path) -> None:
    row = ran(server, "--provider", "stripe", "--json").json()[0]
    refused = ran(server, row["id"], "--set", "acknowledged")
    assert refused.code == 1
    assert "may only read" in refused.err
    assert (
        ran(server, row["id"], "--set", "acknowledged", "--json", key=ADMIN).json()[0]["state"]
        == "acknowledged"
    )
    assert [one["id"] for one in ran(server, "--state", "acknowledged", "--json").json()] == [row["id"]]


def test_what_a_stranger_sent_steers_no_terminal(server: str, incident: Incident, folder: Path) -> None:
    rows = ran(server, "--provider", "github", "--json").json()
    for done in (ran(server), *(ran(server, row["id"]) for row in rows)):
        assert HOSTILE not in done.out
        assert all(sign.isprintable() or sign == "\n" for sign in done.out)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (("--state", "bad"), 2, "--state: must be one of open"),
        (("3", "--set", "bad"), 2, "--set: must be one of open"),
        (("--set", "open"), 2, "give its number"),
        (("3", "--state", "open"), 2, "is one problem"),
        (("99999",), 1, "has no problem 99999"),
    ],
)
def test_what_makes_no_sense_is_said(
    server: str, folder: Path, arguments: tuple[str, ...], code: int, told: str
) -> None:
    done = ran(server, *arguments)
    assert done.code == code
    assert told in done.err
