"""The ten incidents that somebody looked for in vain, and an hour of a scanner, which is none."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from support.scale import scaled

from outworx_otel.server.rule_settings import RuleSettings
from outworx_otel.server.rules import Evaluator
from outworx_otel.server.store import Store
from server.problems.staged import came
from server.store.samples import DAY, NOW, batch

HOUR = 3600.0
WELL = [came("accepted", -HOUR + 30 * n, event_type="charge.succeeded") for n in range(60)]
BANK = {"exception": "shop.BankError: closed", "function": "refund", "file": "/srv/shop/refunds.py"}
PARSED = (
    "Proved: the sender signed this JSON written compactly, so it was parsed and re-serialised on its way"
)


def many(number: int, outcome: str, every: float = 20.0, **fields: Any) -> list[Any]:
    return [came(outcome, 60 + n * every, **fields) for n in range(number)]


# What happens; the outcome, reason or cause, and deliveries of the problem that it makes; and the alerts.
INCIDENTS: dict[str, tuple[list[Any], tuple[str, str, str, int] | None, set[str]]] = {
    "a rotated secret": (
        many(36, "rejected", reason="hmac_mismatch", event_id=None),
        ("rejected", "hmac_mismatch", "", 36),
        {"problem", "streak", "failure_share"},
    ),
    "a body that is re-serialised on its way": (
        many(36, "rejected", reason="parsed_body", hint=PARSED),
        ("rejected", "parsed_body", "", 36),
        {"problem", "streak", "failure_share"},
    ),
    "a clock 20 minutes fast": (
        [came("rejected", HOUR + 1200, reason="timestamp_drift", age=1203.0) for _ in range(12)],
        ("rejected", "timestamp_drift", "", 12),
        {"problem", "streak", "failure_share", "clock"},
    ),
    "an early return after a change": (
        many(
            20, "silent_drop", cause="early_return", function="paid", file="/srv/shop/hooks.py", version="8"
        ),
        ("silent_drop", "", "early_return", 20),
        {"problem", "streak", "failure_share"},
    ),
    "a route that is gone": (
        many(20, "unrouted", route=None, status=404),
        ("unrouted", "", "", 20),
        {"problem", "streak", "failure_share"},
    ),
    "a store that is down": (
        [came("unprotected", HOUR - 200 + n) for n in range(20)],
        ("unprotected", "", "", 20),
        {"unprotected"},
    ),
    "a provider that calls an old URL": (
        many(20, "unrouted", route=None, path="/old/stripe"),
        ("unrouted", "", "", 20),
        {"problem", "streak", "failure_share"},
    ),
    "500s of one event type": (
        [
            *many(12, "error", 100, event_type="charge.refunded", **BANK),
            *many(60, "accepted", 20, event_type="charge.succeeded"),
        ],
        ("error", "", "", 12),
        {"problem"},
    ),
    "a storm of retries with a key": (
        [came("accepted", 60, event_id="evt_storm"), *many(40, "replayed", 1, event_id="evt_storm")],
        None,
        set(),
    ),
    "a storm of retries without one": (many(20, "accepted", 1, event_id="evt_storm"), None, set()),
}


@pytest.mark.parametrize("which", INCIDENTS)
def test_an_incident_makes_its_problem_and_is_told(
    url: str, open_store: Callable[..., Store], which: str
) -> None:
    happens, problem, rules = INCIDENTS[which]
    store = open_store(url)
    sent = sorted((*WELL, *happens), key=lambda one: one.time_ns)
    for start in range(0, len(sent), 12):
        store.write(batch(*sent[start : start + 12])).result(20)
    made = store.problems().problems
    told = [(one.outcome, one.reason, one.cause, one.deliveries) for one in made]
    assert told == ([] if problem is None else [problem])
    assert Evaluator(store, RuleSettings(), lambda: 0.0).look()
    assert {one.rule for one in store.alerts(raised=True)} == rules
    if problem is not None:
        assert made[0].first_ns > WELL[-1].time_ns
        assert made[0].state == "open"
        # `unprotected` ran: what it was about is done.
        assert made[0].unhandled_events == (0 if made[0].outcome == "unprotected" else problem[3])
    truth = store.endpoints(NOW - DAY, NOW).events
    assert truth.ran_more_than_once == (which == "a storm of retries without one")


def scanned(number: int) -> list[Any]:
    """What a scanner sends: no signature, a made-up one, paths that there are not, methods that nobody takes."""
    chance = random.Random(7)  # noqa: S311  # to be the same each time
    found = []
    for n in range(number):
        second = 0.02 * n
        path = f"/{chance.choice(['.env', 'wp-login.php', 'admin', 'webhooks', 'hooks/stripe'])}{n % 97}"
        unproved = {"signature_valid": None, "event_id": None, "path": path, "detected": True}
        found.append(
            chance.choice(
                [
                    came("rejected", second, reason="missing_header", event_id=None),
                    came("rejected", second, reason="malformed_header", event_id=None),
                    came("rejected", second, reason="timestamp_drift", event_id=None),
                    came("unrouted", second, route=None, **unproved),
                    came("redirected", second, route=None, **unproved),
                    came("turned_away", second, route=None, **unproved),
                    came("refused", second, **{**unproved, "route": path}),
                ]
            )
        )
    return found


def test_an_hour_of_a_scanner_makes_no_problem_and_no_alert(sqlite_store: Store) -> None:
    sent = scanned(scaled(180_000, 3_000))
    for start in range(0, len(sent), 1000):
        # The provider goes on in between.
        genuine = came("accepted", 0.02 * start)
        sqlite_store.write(batch(*sent[start : start + 1000], genuine)).result(60)
    assert sqlite_store.problems().problems == []
    assert Evaluator(sqlite_store, RuleSettings(), lambda: 0.0).look()
    assert sqlite_store.alerts() == []
    (endpoint,) = sqlite_store.endpoints(NOW - DAY, NOW).endpoints
    assert (endpoint.success_rate, endpoint.streak) == (1.0, 0)
