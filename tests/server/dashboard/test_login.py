"""Logging in and out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from server.dashboard.kept import one_of_each
from server.dashboard.serving import client_of, csrf_of, filled

_KEY = "sk_live_0123456789abcdef"
_AS_A_BROWSER = {"accept": "text/html"}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[TestClient]:
    with client_of(filled(tmp_path, one_of_each(), api_keys=(_KEY,))) as client:
        yield client


def _log_in(client: TestClient, key: str, to: str = "/deliveries?outcome=failed") -> int:
    page = client.get("/login", params={"next": to}).text
    form = {"csrf": csrf_of(page), "key": key, "next": to}
    return client.post("/login", data=form, follow_redirects=False).status_code


def test_a_page_leads_to_the_login_and_back(locked: TestClient) -> None:
    sent = locked.get("/deliveries?outcome=failed", headers=_AS_A_BROWSER, follow_redirects=False)
    assert sent.status_code == 303
    page = locked.get(sent.headers["location"], headers=_AS_A_BROWSER)
    assert 'name="next" value="/deliveries?outcome=failed"' in page.text
    form = {"csrf": csrf_of(page.text), "key": _KEY, "next": "/deliveries?outcome=failed"}
    back = locked.post("/login", data=form)
    assert str(back.url).endswith("/deliveries?outcome=failed")
    assert "data-row=" in back.text
    assert "Log out" in back.text


def test_a_wrong_key_is_told_so_and_never_shown(locked: TestClient) -> None:
    page = locked.get("/login").text
    answer = locked.post("/login", data={"csrf": csrf_of(page), "key": "sk_live_wrong_one", "next": "/"})
    assert answer.status_code == 403
    assert "not taken here" in answer.text
    assert "sk_live_wrong_one" not in answer.text
    assert locked.get("/deliveries").status_code == 401


def test_guessing_is_slowed_down(locked: TestClient) -> None:
    assert {_log_in(locked, f"guess_{number:04d}") for number in range(12)} == {403, 429}


def test_a_form_of_another_page_is_refused(locked: TestClient) -> None:
    answer = locked.post("/login", data={"key": _KEY, "next": "/"})
    assert answer.status_code == 403
    assert locked.get("/deliveries").status_code == 401


def test_after_logging_in_nobody_is_sent_elsewhere(locked: TestClient) -> None:
    page = locked.get("/login", params={"next": "//evil.example/x"}).text
    assert "evil.example" not in page
    form = {"csrf": csrf_of(page), "key": _KEY, "next": "https://evil.example"}
    assert locked.post("/login", data=form, follow_redirects=False).headers["location"] == "/"


def test_logging_out_ends_the_session(locked: TestClient) -> None:
    assert _log_in(locked, _KEY) == 303
    page = locked.get("/deliveries").text
    cookie = locked.cookies.get("outworx_session")
    assert locked.post("/logout", data={"csrf": csrf_of(page)}, follow_redirects=False).status_code == 303
    assert locked.get("/deliveries").status_code == 401
    assert locked.get("/deliveries", headers={"cookie": f"outworx_session={cookie}"}).status_code == 401


def test_where_no_key_is_asked_for_there_is_no_login(client: TestClient) -> None:
    assert client.get("/login", follow_redirects=False).headers["location"] == "/"
    assert "Log out" not in client.get("/").text
