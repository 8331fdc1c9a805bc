"""What the page and the call show of alerts."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from outworx_otel.server.model import Batch
from outworx_otel.server.store import Store
from server.access.scene import WITH_KEY, application, client
from server.dashboard.kept import delivery

from .scene import change_alert, claim, end_alert, raise_alert


def failed(store: Store, channel: str, why: str) -> None:
    claimed = claim(store, channel)
    assert claimed is not None
    store.sendings.failed(claimed, why, 60.0)


def told(store: Store, channel: str) -> None:
    claimed = claim(store, channel)
    assert claimed is not None
    store.sendings.sent(claimed)


def test_each_channel_says_whether_it_was_told(tmp_path: Path) -> None:
    app = application(tmp_path)
    with client(app) as browser:
        store = app._store
        browser.headers.update(WITH_KEY)
        assert "No rule has found anything yet" in browser.get("/alerts").text
        raise_alert(store, 1, headline="<script>alert(1)</script>", problem_id=3)
        told(store, "chat")
        failed(store, "mail", "<b>no route</b>")
        page = browser.get("/alerts").text
        assert "<script>alert" not in page
        assert "<b>no route" not in page
        assert "could not be told in 1 try; it is tried again: &lt;b&gt;no route" in " ".join(page.split())
        assert 'href="/deliveries?problem=3"' in page
        (alert,) = browser.get("/api/alerts").json()["alerts"]
        assert [(one["channel"], one["told"], one["error"]) for one in alert["sendings"]] == [
            ("chat", 1, None),
            ("mail", 0, "<b>no route</b>"),
        ]
        store.write(Batch(deliveries=[delivery(signature_valid=True)], size=100)).result(30)
        overview = " ".join(browser.get("/").text.split())
        assert "1 thing needs attention" in overview
        assert "1 alert could not be sent by mail" in overview
        assert "&lt;b&gt;no route" in overview
        change_alert(store, 1, notices=2)
        end_alert(store, 1, time.time_ns(), notices=3)
        told(store, "mail")
        assert browser.get("/api/alerts?state=raised").json()["alerts"] == []
        assert "could not be sent" not in browser.get("/").text
        assert "over <time" in " ".join(browser.get("/alerts").text.split())


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("?state=raised", 200),
        ("?state=open", 400),
        ("?limit=0", 400),
        ("?cursor=x", 400),
        ("?stat=raised", 400),
    ],
)
def test_what_the_call_cannot_answer_is_said(query: str, status: int, tmp_path: Path) -> None:
    app = application(tmp_path)
    with client(app) as caller:
        answer = caller.get(f"/api/alerts{query}", headers=WITH_KEY)
        assert answer.status_code == status
        assert caller.get("/api/alerts").status_code == caller.get("/alerts").status_code == 401
