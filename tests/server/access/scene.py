"""A server in this process, as seen by a browser, a stranger's page, or a program with a key."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from outworx_otel.server import Settings, create_app
from outworx_otel.server.app import Application

KEY = "owx_a-key-that-is-taken"
ORIGIN = "http://localhost:4318"
WITH_KEY = {"Authorization": f"Bearer {KEY}"}
HTML = {"Accept": "text/html,application/xhtml+xml"}
FOREIGN = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}


def application(directory: Path, store: Any = None, **settings: Any) -> Application:
    """The whole server on a store of its own; with a key unless told otherwise."""
    settings.setdefault("api_keys", (KEY,))
    return create_app(Settings(database=f"sqlite:///{directory / 'outworx.db'}", **settings), store=store)


def client(app: Application, origin: str = ORIGIN, address: str = "127.0.0.1") -> TestClient:
    """A program or a browser that keeps its cookies."""

    # Older clients of Starlette's take no address.
    async def from_address(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            scope["client"] = (address, 50_000)
        await app(scope, receive, send)

    return TestClient(from_address, base_url=origin, raise_server_exceptions=False, follow_redirects=False)


def form_token(page: str) -> str:
    """The hidden field of a form."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None, page[:2000]
    return found[1]


def log_in(browser: TestClient, key: str = KEY) -> Any:
    """Sends the login page's form; the answer."""
    token = form_token(browser.get("/login", headers=HTML).text)
    return browser.post(
        "/login", data={"key": key, "csrf": token, "next": "/deliveries"}, headers={"Origin": ORIGIN}
    )
