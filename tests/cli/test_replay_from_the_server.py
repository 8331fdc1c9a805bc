"""The whole way: an application reports to a real `outworx serve`, and a delivery is sent again by its id."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from support.commands import outworx
from support.deployment import Deployment
from support.process import Server, wait_until

from .site import DEPLOYMENTS, REPORTING

SECRET = "shpss_0123456789abcdef"  # noqa: S105
CONFIGURATION = """
[endpoints."/hooks/shopify"]
provider = "shopify"
signature_secret_env = "SHOP_SECRET"
idempotency_key = true
capture_body = true

[endpoints."/hooks/slack"]
provider = "slack"
signature_secret_env = "SHOP_SECRET"
capture_body = true
"""
KEY = "ohk_0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def there(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Server, Server]]:
    folder = tmp_path_factory.mktemp("served")
    (folder / "outworx.toml").write_text(CONFIGURATION)
    command = (sys.executable, "-m", "outworx_otel.cli", "serve", "--port", "{port}", "--api-key", KEY)
    serving = Deployment((*command, "--database", f"sqlite:///{folder}/deliveries.db"), 1, "Dashboard")
    server = Server(serving.command, folder, {}, 1, serving.ready_line)
    site = DEPLOYMENTS["uvicorn-fastapi"]
    try:
        server.start()
        environ = {
            "SHOP_SECRET": SECRET,
            **REPORTING,
            "OUTWORX_HOOKS_ENDPOINT": server.url,
            "OUTWORX_HOOKS_API_KEY": KEY,
        }
        application = Server(site.command, folder, environ, 1, site.ready_line)
        try:
            application.start()
            yield folder, server, application
        finally:
            application.stop()
            print(f"--- log of the application ---\n{application.log()}")
    finally:
        server.stop()
        print(f"--- log of the server ---\n{server.log()}")


def _ids(server: Server, provider: str) -> list[str]:
    answer = httpx.get(
        f"{server.url}/api/deliveries",
        params={"provider": provider},
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return [delivery["id"] for delivery in answer.json()["deliveries"]]


def _triggered(there: tuple[Path, Server, Server], provider: str, event: str) -> str:
    folder, server, application = there
    sent = outworx(
        *("trigger", provider, event, "--to", f"{application.url}/hooks/{provider}"),
        cwd=folder,
        SHOP_SECRET=SECRET,
    )
    assert sent.code == 0, sent
    wait_until(lambda: bool(_ids(server, provider)), lambda: "the delivery was not reported")
    return _ids(server, provider)[0]


def test_a_delivery_goes_round_and_is_the_same_event(there: tuple[Path, Server, Server]) -> None:
    folder, server, application = there
    identity = _triggered(there, "shopify", "orders/create")

    again = outworx(
        *("replay", identity, "--to", application.url, "--json"),
        cwd=folder,
        SHOP_SECRET=SECRET,
        OUTWORX_ENDPOINT=server.url,
        OUTWORX_API_KEY=KEY,
    )

    assert again.code == 0, again
    (report,) = again.json()
    assert (report["status"], report["fresh_signature"], report["replayed"]) == (200, True, True)
    assert report["url"].endswith("/hooks/shopify")


def test_one_whose_body_was_redacted_says_why_it_cannot(there: tuple[Path, Server, Server]) -> None:
    folder, server, _ = there
    identity = _triggered(there, "slack", "message")

    again = outworx(
        *("replay", identity, "--to", "3000", "--endpoint", server.url, "--api-key", KEY), cwd=folder
    )

    assert again.code == 1
    assert "were redacted before it was stored" in again.err


def test_a_server_that_wants_a_key_is_asked_for_none_without(there: tuple[Path, Server, Server]) -> None:
    folder, server, _ = there
    done = outworx("replay", "0" * 32, "--to", "3000", "--endpoint", server.url, cwd=folder)

    assert done.code == 1
    assert "wants a key" in done.err


def test_the_doctor_says_whether_the_key_is_taken(there: tuple[Path, Server, Server]) -> None:
    folder, server, _ = there
    environ = {"SHOP_SECRET": SECRET, "OUTWORX_HOOKS_ENDPOINT": server.url}

    right = outworx("doctor", cwd=folder, **environ, OUTWORX_HOOKS_API_KEY=KEY)
    wrong = outworx("doctor", cwd=folder, **environ, OUTWORX_HOOKS_API_KEY="ohk_wrong")

    assert "takes this key" in right.out
    assert "clock and that of" in right.out
    assert "does not take this key (401)" in wrong.out
    assert wrong.code == 1
