"""A commit whose outcome nobody knows, and what is left of old keys."""

# ruff: noqa: S608  # names of our own

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import flask
import pytest
from integrations.conftest import Telemetry
from integrations.flask_apps import UnderFlaskClient
from sqlalchemy import event, text
from sqlalchemy.orm import Session
from support.calls import PATH

import outworx_otel
from outworx_otel.idempotency.transaction import answers

from .databases import Place
from .shops import BODY, JSON, Acts, open_shop

Configure = Callable[..., None]


@pytest.mark.parametrize("arrives", [True, False], ids=["it came through", "it was lost"])
def test_after_a_commit_whose_answer_was_lost_the_next_attempt_finds_out(
    arrives: bool, place_on: Callable[[str], Place], configure: Configure, telemetry: Telemetry
) -> None:
    place, runs = place_on("postgresql"), []
    configure(place.store)

    def lose(connection: Any) -> None:
        """The server has the commit, or has not, and the connection is gone before its answer."""
        if len(runs) > 1:
            return
        own = connection.connection.driver_connection
        if arrives:
            own.execute("COMMIT")
            own.execute("SELECT 'there is something to commit again'")
        with place.engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 20000)"), {"pid": own.info.backend_pid})

    engine = place.engine
    app = flask.Flask("shop")

    @app.post(PATH)
    def handle() -> str:
        with Session(engine) as session, outworx_otel.current_track().once(session):
            runs.append(1)
            event.listen(session.connection(), "commit", lose)
            session.execute(text(place.effect), {"event": "evt_1"})
        return "done"

    client = UnderFlaskClient(app)
    assert client.post(BODY, JSON).status == 500
    assert client.post(BODY, JSON).status == 200
    assert place.effects() == 1
    assert len(runs) == (1 if arrives else 2)
    first = telemetry.deliveries()[0]
    assert "outworx.webhook.idempotency.committed" not in first.attributes


def test_keys_whose_time_is_over_are_forgotten(
    place_on: Callable[[str], Place], configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = place_on("sqlite")
    configure(place.store)
    shop = open_shop("flask-Session", place, Acts())
    monkeypatch.setattr(answers, "is_time_to_tidy", lambda: True)
    for number in range(3):
        shop.post(b'{"id": "evt_%d"}' % number)
        if number == 1:
            with place.engine.begin() as connection:
                connection.execute(
                    text(f"UPDATE {place.keys} SET expires = :then"), {"then": time.time() - 1}
                )
    assert len(place.rows()) == 1
