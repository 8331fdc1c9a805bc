"""Whether a provider sends an event again is said only where its documentation does."""

from __future__ import annotations

from typing import Any

import pytest

from outworx_otel.server.explaining.verdict import verdict_of
from outworx_otel.server.retries import schedule_of, told_of_retries, too_long
from outworx_otel.signatures.registry import built_in_providers
from server.problems.staged import BEGIN, came

DAY_NS = 86_400 * 10**9
T = "T"


@pytest.mark.parametrize(
    ("provider", "status", "after_days", "says"),
    [
        ("stripe", 500, 2.9, "Stripe stops sending it again at T, at the latest."),
        ("stripe", 500, 3.1, "Stripe has stopped sending it again, at T at the latest: replay it."),
        (
            "stripe",
            202,
            0,
            "It was answered 202, so Stripe takes it for delivered and does not send it again.",
        ),
        ("github", 500, 0, "GitHub never sends an event again: replay it."),
        ("stripe", None, 0, None),
        ("zoom", 500, 0, None),
        ("acme", 200, 0, None),
        ("_OTHER", 500, 0, None),
    ],
)
def test_what_is_said(provider: str, status: int | None, after_days: float, says: str | None) -> None:
    now_ns = BEGIN + int(after_days * DAY_NS)

    assert told_of_retries(provider, status, BEGIN, now_ns, T) == says


@pytest.mark.parametrize(
    ("outcome", "fields", "says"),
    [
        ("error", {}, "Stripe has stopped sending it again, at 2026-09-24 13:13:20.000 UTC at the latest"),
        ("silent_drop", {}, "answered 200"),
        ("accepted", {}, None),
        # Nobody proved that Stripe sent it.
        ("rejected", {}, None),
        ("error", {"provider": "acme"}, None),
    ],
)
def test_a_delivery_says_it(outcome: str, fields: dict[str, Any], says: str | None) -> None:
    delivery = came(outcome, **fields)

    found = verdict_of(delivery, [delivery]).retries

    assert found is None if says is None else says in (found or "")


def test_an_event_that_was_handled_says_nothing_of_retries() -> None:
    failed, handled = came("error", event_id="a"), came("accepted", 60, event_id="a")

    assert verdict_of(failed, [failed, handled]).retries is None


def test_an_event_is_unhandled_for_too_long_once_its_provider_has_stopped() -> None:
    for one in built_in_providers():
        schedule = schedule_of(one.scheme.provider)
        assert (schedule is None) == (one.gives_up is None)
        if schedule is not None:
            assert too_long(one.scheme.provider, None) == max(schedule.after, 600)
    assert too_long("acme", None) == 86_400
    assert too_long("stripe", 60.0) == 60
