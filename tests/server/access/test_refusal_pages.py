"""How a browser is turned away: in the frame of the pages, and with nothing of a form. Programs get text."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from outworx_otel.server.access.attempts import BURST

from .scene import HTML, KEY, application, client

REBOUND = {"Host": "evil.example:4318"}
INGEST = "owx_a-key-for-ingest-alone"


@pytest.fixture
def browser(tmp_path: Path) -> TestClient:
    return client(application(tmp_path, api_keys=(KEY, f"ingest:{INGEST}")))


@pytest.mark.parametrize(
    ("status", "headers", "title"),
    [
        (421, REBOUND, "This server does not go by that name"),
        (403, {"Authorization": f"Bearer {INGEST}"}, "That is not allowed"),
        (429, {"Authorization": "Bearer owx_wrong"}, "Too many wrong keys"),
    ],
)
def test_a_browser_is_turned_away_with_a_page(
    browser: TestClient, status: int, headers: dict[str, str], title: str
) -> None:
    for _ in range(BURST if status == 429 else 0):
        browser.get("/deliveries", headers=headers)

    page = browser.get("/deliveries", headers={**headers, **HTML})
    text = browser.get("/deliveries", headers={**headers, "Accept": "*/*"})

    assert (page.status_code, text.status_code) == (status, status)
    assert f"<h1>{title}</h1>" in page.text
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.strip()[:60] in page.text.replace("&#39;", "'")
    assert page.headers.get("retry-after") == text.headers.get("retry-after")
    assert "content-security-policy" in page.headers
    # It may be read by whoever has rebound a name.
    assert "csrf" not in page.text
    assert "set-cookie" not in page.headers
    style = page.text.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert browser.get(style, headers=REBOUND).headers["content-type"].startswith("text/css")
