"""What `track.once()` cannot do is said, and what it is not asked to do is noticed."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from typing import Any

import flask
import pytest
from integrations.conftest import Telemetry
from integrations.flask_apps import UnderFlaskClient
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session
from support.calls import PATH

import outworx_otel
from outworx_otel import TransactionError

from .databases import Place
from .shops import BODY, JSON, Acts, open_shop

Configure = Callable[..., None]


@pytest.fixture
def place(place_on: Callable[[str], Place]) -> Place:
    return place_on("sqlite")


def serve(view: Callable[[], Any]) -> UnderFlaskClient:
    app = flask.Flask("shop")
    app.add_url_rule(PATH, "view", view, methods=["POST"])
    return UnderFlaskClient(app)


def error_of(use: Callable[[], Any]) -> str:
    """What it says where a handler does this."""
    said: list[str] = []

    def view() -> str:
        with pytest.raises(TransactionError) as raised:
            use()
        said.append(str(raised.value))
        return "done"

    serve(view).post(BODY, JSON)
    return said[0]


def test_outside_of_a_delivery_it_says_so(place: Place) -> None:
    with pytest.raises(TransactionError, match="outside of a delivery"):
        outworx_otel.current_track().once(Session(place.engine))


def test_with_another_store_it_says_so(configure: Configure) -> None:
    configure("memory://")
    assert "transaction://" in error_of(lambda: outworx_otel.current_track().once(None))


def test_a_second_block_in_one_delivery_is_refused(place: Place, configure: Configure) -> None:
    configure(place.store)

    def twice() -> None:
        with Session(place.engine) as session:
            with outworx_otel.current_track().once(session):
                pass
            with outworx_otel.current_track().once(session):
                pass

    assert "a second time in one delivery" in error_of(twice)


def test_what_has_no_transaction_is_refused(place: Place, configure: Configure) -> None:
    configure(place.store)

    def wrong() -> None:
        with outworx_otel.current_track().once(place.engine):
            pass

    assert "not Engine" in error_of(wrong)


def test_autocommit_is_refused(place: Place, configure: Configure) -> None:
    configure(place.store)
    engine = create_engine(place.url, isolation_level="AUTOCOMMIT")

    def wrong() -> None:
        with Session(engine) as session, outworx_otel.current_track().once(session):
            pass

    assert "AUTOCOMMIT" in error_of(wrong)


def test_without_its_table_nothing_runs_and_the_error_names_it(place: Place, configure: Configure) -> None:
    configure("transaction://?table=not_there")

    def wrong() -> None:
        with Session(place.engine) as session, outworx_otel.current_track().once(session):
            raise AssertionError("the block runs")

    assert "not_there" in error_of(wrong)


def test_a_delivery_without_a_key_runs_and_commits(
    place: Place, configure: Configure, telemetry: Telemetry
) -> None:
    configure(place.store)
    shop = open_shop("flask-Session", place, Acts())
    assert shop.post(b'{"type": "x"}').status == shop.post(b'{"type": "x"}').status == 201
    assert place.effects() == 2
    assert [span.attributes["outworx.webhook.idempotency.outcome"] for span in telemetry.deliveries()] == [
        "no_key",
        "no_key",
    ]


def test_a_delivery_that_is_not_genuine_never_claims(
    place: Place, configure: Configure, telemetry: Telemetry
) -> None:
    configure(place.store, signature_secret="whsec_x", reject_invalid_signatures=False)  # noqa: S106
    shop = open_shop("flask-Session", place, Acts())
    assert shop.post().status == 201
    assert place.rows() == []
    assert telemetry.said("idempotency.outcome") is None


def test_a_handler_that_never_asks_is_noticed_once(
    place: Place, configure: Configure, telemetry: Telemetry, caplog: pytest.LogCaptureFixture
) -> None:
    configure(place.store)
    client = serve(lambda: "done")
    with caplog.at_level(logging.WARNING, "outworx_otel"):
        client.post(BODY, JSON)
        client.post(BODY, JSON)
    said = [record for record in caplog.records if "without track.once(session)" in record.getMessage()]
    assert len(said) == 1
    first, _ = telemetry.deliveries()
    assert first.attributes["outworx.webhook.idempotency.outcome"] == "fail_open"
    assert first.attributes["outworx.webhook.outcome"] == "unprotected"


def test_what_follows_the_commit_is_recorded_and_not_undone(
    place: Place, configure: Configure, telemetry: Telemetry
) -> None:
    configure(place.store)
    shop = open_shop("flask-Session", place, Acts(status=500))
    assert (shop.post().status, shop.post().status) == (500, 200)
    assert place.effects() == 1
    first, _ = telemetry.deliveries()
    assert first.attributes["outworx.webhook.outcome"] == "error"
    assert first.attributes["outworx.webhook.idempotency.committed"] is True


def test_a_session_that_commits_by_itself_in_the_block_has_done_the_event(
    place: Place, configure: Configure
) -> None:
    """What the handler's own commit ends cannot be undone; its key went with it."""
    configure(place.store)

    def view() -> str:
        with Session(place.engine) as session, outworx_otel.current_track().once(session):
            session.execute(text(place.effect), {"event": "evt_1"})
            session.commit()
        return "done"

    client = serve(view)
    assert [client.post(BODY, JSON).status, client.post(BODY, JSON).status] == [200, 200]
    assert place.effects() == 1


def test_a_block_that_rolls_back_itself_commits_nothing_without_the_key(
    place: Place, configure: Configure
) -> None:
    configure(place.store)

    def view() -> str:
        with Session(place.engine) as session, outworx_otel.current_track().once(session):
            session.rollback()
            session.execute(text(place.effect), {"event": "evt_1"})
        return "done"

    client = serve(view)
    assert client.post(BODY, JSON).status == 500
    assert place.effects() == 0


def test_savepoints_in_a_block_are_the_handlers(place: Place, configure: Configure) -> None:
    configure(place.store)

    def view() -> str:
        with Session(place.engine) as session, outworx_otel.current_track().once(session):
            session.execute(text(place.effect), {"event": "evt_1"})
            undone = session.begin_nested()
            session.execute(text(place.effect), {"event": "evt_1"})
            undone.rollback()
        return "done"

    client = serve(view)
    assert [client.post(BODY, JSON).status, client.post(BODY, JSON).status] == [200, 200]
    assert place.effects() == 1


def test_a_joined_block_that_raises_is_undone_although_the_caller_goes_on(
    place: Place, configure: Configure
) -> None:
    """The caller catches what the block raised and commits: neither an effect of the block nor its key is left."""
    configure(place.store)

    def view() -> str:
        with Session(place.engine) as session, session.begin():
            session.execute(text(place.effect), {"event": "another"})
            with contextlib.suppress(RuntimeError), outworx_otel.current_track().once(session):
                session.execute(text(place.effect), {"event": "evt_1"})
                raise RuntimeError
        return "done"

    serve(view).post(BODY, JSON)
    assert (place.effects(), place.effects("another"), place.rows()) == (0, 1, [])
