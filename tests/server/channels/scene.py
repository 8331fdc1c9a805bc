"""Alerts as the rules raise them, and a sender that waits for nobody."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import insert, update

from outworx_otel.server.channels.channel import Channel, Way
from outworx_otel.server.channels.sender import AlertSender
from outworx_otel.server.channels.webhook import Webhook
from outworx_otel.server.problems.sending import ClaimedAlert, Sending
from outworx_otel.server.store import Store
from outworx_otel.server.store.schema import alerts

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105  # of no receiver
SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def raise_alert(store: Store, id: int, **other: Any) -> None:
    """Puts an alert into the table, as the rules' evaluator does."""
    now = time.time_ns()
    row = {
        **{"id": id, "rule": "problem", "state": "raised", "subject": f"problem:{id}"},
        **{
            "headline": "stripe /webhooks/stripe: the signature does not fit",
            "what": "36 of 36 were refused.",
        },
        **{"place": "shop, stripe, /webhooks/stripe", "advice": "Compare the endpoint's secret."},
        **{"service": "shop", "environment": "production", "provider": "stripe", "route": "/webhooks/stripe"},
        **{"problem_id": id, "since_ns": now - HOUR, "count": 36, "told": 36},
        **{"raised_ns": now, "changed_ns": now, "ended_ns": None, "notices": 1},
    }
    with store._database.write() as connection:
        connection.execute(insert(alerts).values({**row, **other}))


def change_alert(store: Store, id: int, **changed: Any) -> None:
    with store._database.write() as connection:
        connection.execute(
            update(alerts).where(alerts.c.id == id).values({"changed_ns": time.time_ns(), **changed})
        )


def end_alert(store: Store, id: int, at_ns: int, notices: int) -> None:
    change_alert(store, id, state="ended", ended_ns=at_ns, changed_ns=at_ns, notices=notices)


def claim(store: Store, channel: str = "ops", **wanted: Any) -> ClaimedAlert | None:
    """As a sender does that nobody else is."""
    lease = wanted.pop("lease", 60.0)
    return store.sendings.claim(
        channel, f"holder-{time.monotonic_ns()}", lease, wanted.get("rules", ()), wanted.get("services", ())
    )


def sendings(store: Store) -> list[Sending]:
    return [one for _, of_alert in store.sendings.page(limit=500).alerts for one in of_alert]


def sender(store: Store, way: Way, name: str = "ops", **options: Any) -> AlertSender:
    """Started, with no pause that is not asked for."""
    options = {"looks_every": 0.02, "first_wait": 0.02, "pause": 0.0, **options}
    running = AlertSender(store.sendings, [Channel(name, "webhook", way)], "http://s", **options)
    running.start()
    return running


def webhook(url: str) -> Webhook:
    return Webhook(url, SECRET)
