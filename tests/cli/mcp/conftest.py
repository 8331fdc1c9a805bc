"""A real server with deliveries in it, and agents at it, each started once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.serve_command import Command

from .agent import Agent, over_http, over_stdio
from .incident import Incident, sent

ADMIN, READER = "owx-key-of-an-admin", "owx-key-of-a-reader"
SECRET = "whsec_a-secret-of-the-agents-tests"  # noqa: S105
CONFIGURATION = """
[endpoints."/webhooks/stripe"]
provider = "stripe"
signature_secret_env = "SHOP_STRIPE"

[endpoints."/webhooks/github"]
provider = "github"
signature_secret_env = "SHOP_GITHUB"
"""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("agents")
    (made / "outworx.toml").write_text(CONFIGURATION)
    return made


@pytest.fixture(scope="session")
def server(folder: Path) -> Iterator[Command]:
    keys = (
        "--api-key",
        f"admin:{ADMIN}",
        "--api-key",
        f"read:{READER}",
        "--api-key",
        "ingest:owx-key-of-an-app",
    )
    command = Command(folder, keys, {"SHOP_STRIPE": SECRET}).start()
    yield command
    command.kill()


@pytest.fixture(scope="session")
def incident(server: Command) -> Incident:
    return sent(server.url, "owx-key-of-an-app", ADMIN)


@pytest.fixture(scope="session")
def stdio(folder: Path, server: Command) -> Iterator[Agent]:
    with over_stdio(folder, "--url", server.url, OUTWORX_API_KEY=ADMIN, SHOP_STRIPE=SECRET) as agent:
        yield agent


@pytest.fixture(scope="session")
def http(server: Command) -> Iterator[Agent]:
    with over_http(server.url, {"Authorization": f"Bearer {ADMIN}"}) as agent:
        yield agent


@pytest.fixture(params=["stdio", "http"])
def agent(request: pytest.FixtureRequest, incident: Incident) -> Agent:
    """Both ways, of an agent that may do everything."""
    found: Agent = request.getfixturevalue(request.param)
    return found
