"""What alerts are raised, what they say, when they end, and that one server raises them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.problems.alert import Alert
from outworx_otel.server.rule_settings import Expected, RuleSettings, rule_settings
from outworx_otel.server.rules import Evaluator
from outworx_otel.server.store import Store
from server.problems.staged import BEGIN, ROUTE, came
from server.store.samples import DAY, NOW, SECOND, batch

HOUR = 3600


class Scene:
    """A store whose clock is moved by hand, and a server that looks."""

    def __init__(self, open_store: Callable[..., Store], url: str, **settings: Any) -> None:
        self.now = NOW / 1e9
        self.store = open_store(url, clock=lambda: self.now)
        self.settings = RuleSettings(**settings)
        self.evaluator = Evaluator(self.store, self.settings, lambda: 0.0)

    def keep(self, *deliveries: Any) -> None:
        self.store.write(batch(*deliveries)).result(30)

    def look(self, *rules: str) -> list[Alert]:
        """The alerts that go on, of some rules."""
        assert self.evaluator.look()
        return [one for one in self.store.alerts(raised=True) if not rules or one.rule in rules]

    def pass_time(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def scene(url: str, open_store: Callable[..., Store]) -> Scene:
    return Scene(open_store, url)


def good(number: int, since: float, every: float = 60.0, **fields: Any) -> list[Any]:
    return [came("accepted", since + n * every, **fields) for n in range(number)]


def test_a_problem_is_told_once_with_what_where_since_when_and_what_to_do(scene: Scene) -> None:
    failed = {"exception": "shop.BankError: closed", "function": "pay", "file": "/srv/pay.py", "version": "7"}
    scene.keep(came("accepted"), came("error", 60, **failed))
    (alert,) = scene.look()
    assert (alert.rule, alert.problem_id, alert.count, alert.notices) == ("problem", 1, 1, 1)
    assert alert.headline == "stripe /webhooks/stripe: BankError, an exception or a 5xx in pay (pay.py)"
    assert alert.where == "shop, stripe /webhooks/stripe"
    assert alert.since_ns == BEGIN + 60 * SECOND
    assert "version 7" in alert.what
    assert "closed" in alert.what
    assert alert.advice
    scene.keep(*(came("error", 120 + n, **failed) for n in range(5)))
    assert [(one.id, one.count, one.notices) for one in scene.look("problem")] == [(alert.id, 6, 1)]


def test_it_is_told_anew_where_it_has_grown_tenfold_and_when_it_is_over(scene: Scene) -> None:
    scene.keep(came("error"))
    scene.look()
    scene.keep(*(came("error", n) for n in range(1, 10)))
    (alert,) = scene.look("problem")
    assert (alert.count, alert.notices) == (10, 2)
    scene.keep(*good(10, 100, 1))
    assert scene.look("problem") == []
    (ended,) = [one for one in scene.store.alerts() if one.rule == "problem"]
    assert (ended.state, ended.notices, ended.ended_ns) == ("ended", 3, int(scene.now * 1e9))


def test_a_problem_that_comes_and_goes_is_raised_once_an_hour(scene: Scene) -> None:
    at = HOUR
    for _ in range(3):
        scene.keep(came("error", at), *good(10, at + 1, 1))
        scene.pass_time(300)
        scene.look()
        scene.keep(came("error", at + 20))
        scene.look()
        at += 300
    assert len([one for one in scene.store.alerts() if one.rule == "problem"]) == 1
    scene.pass_time(HOUR)
    (again,) = scene.look("problem")
    assert "again" in again.what


@pytest.mark.parametrize(
    ("state", "goes_on"), [("acknowledged", True), ("ignored", False), ("resolved", False)]
)
def test_a_state_that_is_set_by_hand_quiets_it(scene: Scene, state: Any, goes_on: bool) -> None:
    scene.keep(came("error"))
    (alert,) = scene.look()
    scene.store.set_problem_state(1, state)
    scene.keep(*(came("error", n) for n in range(1, 30)))
    left = scene.look("problem")
    assert [one.notices for one in left] == ([alert.notices] if goes_on else [])


def test_a_rule_that_is_off_raises_nothing(url: str, open_store: Callable[..., Store]) -> None:
    scene = Scene(open_store, url, off=frozenset({"problem", "streak", "failure_share"}))
    scene.keep(*(came("error", n) for n in range(30)))
    assert scene.look() == []


def test_a_streak_says_how_many_and_the_last_good_one(scene: Scene) -> None:
    scene.keep(came("accepted"), *(came("error", 60 + n) for n in range(9)))
    assert scene.look("streak") == []
    scene.keep(came("error", 70))
    (alert,) = scene.look("streak")
    assert (
        alert.what == "10 of 10 failed since 2026-09-21 13:14 UTC, the last good one at 2026-09-21 13:13 UTC"
    )
    scene.keep(came("accepted", 80))
    assert scene.look("streak") == []


def test_a_share_of_failures_is_measured_by_the_endpoints_own(scene: Scene) -> None:
    # Half fails always: that is its usual.
    for n in range(60):
        scene.keep(came("error", -2 * 86_400 + n), came("accepted", -2 * 86_400 + n))
    scene.keep(*itertools.chain(*((came("error", 600 + n), came("accepted", 600 + n)) for n in range(15))))
    assert scene.look("failure_share") == []
    scene.keep(*(came("error", 900 + n) for n in range(45)))
    (alert,) = scene.look("failure_share")
    assert alert.headline == "stripe /webhooks/stripe: 80% fail, usually 50%"


def test_deliveries_that_run_unverified_where_all_were_verified(scene: Scene) -> None:
    scene.keep(*(came("accepted", n, signature_valid=None, route="/on/purpose") for n in range(9)))
    scene.keep(came("accepted"), *(came("accepted", 1 + n, signature_valid=None) for n in range(4)))
    assert scene.look() == []
    scene.keep(came("accepted", 9, signature_valid=None))
    (alert,) = scene.look()
    assert (alert.rule, alert.route, alert.count) == ("unverified", ROUTE, 5)
    scene.keep(came("accepted", 10))
    assert scene.look() == []


def test_a_store_that_is_away_is_told_while_it_is(scene: Scene) -> None:
    scene.keep(came("unprotected", HOUR - 60))
    (alert,) = scene.look()
    assert (alert.rule, alert.problem_id) == ("unprotected", 1)
    scene.pass_time(1000)
    assert scene.look() == []


def test_a_clock_that_is_off_is_told_with_its_direction(scene: Scene) -> None:
    scene.keep(came("accepted", HOUR + 1200))
    (alert,) = scene.look()
    assert (alert.rule, alert.headline) == ("clock", "shop: its clock is 1200 s fast")
    scene.keep(came("accepted", HOUR))
    assert scene.look() == []


def test_events_that_the_provider_has_given_up_are_told(scene: Scene) -> None:
    of_acme = {"provider": "acme", "event_id": "a", "route": "/acme"}
    scene.keep(came("error", event_id="a"), came("error", 1, event_id="b"), came("accepted", 2, event_id="b"))
    scene.keep(came("error", **of_acme))
    scene.pass_time(86_000)
    (unknown,) = scene.look("unhandled_events")
    assert (unknown.provider, unknown.count) == ("acme", 1)
    assert "more than 1 d" in unknown.what
    assert "hardly" in unknown.what
    scene.keep(came("accepted", 86_000, **of_acme))
    # Stripe's own page says three days.
    assert scene.look("unhandled_events") == []
    scene.pass_time(2 * 86_400)
    (alert,) = scene.look("unhandled_events")
    assert (alert.provider, alert.count, alert.since_ns) == ("stripe", 1, BEGIN)
    assert "Stripe tries again for 3 d (https://docs.stripe.com/webhooks), so it has stopped" in alert.what
    scene.keep(came("accepted", 3 * 86_400, event_id="a"))
    assert scene.look("unhandled_events") == []


def test_a_time_that_is_given_holds_for_every_provider(url: str, open_store: Callable[..., Store]) -> None:
    scene = Scene(open_store, url, unhandled_after=2 * HOUR)
    scene.keep(came("error", event_id="a"))
    scene.pass_time(2 * HOUR)
    (alert,) = scene.look("unhandled_events")
    assert "Stripe stops sending it again at 2026-09-24 13:13 UTC" in alert.what


@pytest.mark.parametrize(
    ("outcome", "fields", "says"),
    [
        ("error", {}, "Stripe stops sending the first again at 2026-09-24 13:13 UTC at the latest"),
        # Its answer was good, so it is not sent again; and of the last one no schedule is known.
        ("silent_drop", {}, None),
        ("error", {"provider": "acme"}, None),
    ],
)
def test_an_alert_says_until_when_the_provider_tries_again(
    scene: Scene, outcome: str, fields: dict[str, Any], says: str | None
) -> None:
    scene.keep(came(outcome, **fields), came(outcome, 60, **fields))

    (alert,) = scene.look("problem")

    assert (says or "again at") in alert.what or says is None
    assert ("sending the first again" in alert.what) is (says is not None)
    (problem,) = scene.store.problems().problems
    assert (problem.retries_until_ns is not None) is (says is not None)
    scene.pass_time(3 * 86_400)
    (alert,) = scene.look("problem")
    assert ("stopped sending" in alert.what) is (says is not None)


def test_silence_is_told_after_what_is_unusual_and_its_end_too(scene: Scene) -> None:
    scene.keep(*good(24 * 40, -20 * 86_400, 1800))
    last = BEGIN - 1800 * SECOND
    scene.look("silence")
    assert scene.store.endpoints(NOW - DAY, NOW).endpoints[0].usual == pytest.approx(48, abs=1)
    scene.pass_time(2 * HOUR)
    assert scene.look("silence") == []
    scene.pass_time(8 * HOUR)
    (alert,) = scene.look("silence")
    assert alert.since_ns == last
    assert "one usually comes every 3" in alert.what
    assert scene.store.endpoints(NOW - DAY, NOW).endpoints[0].silent_since_ns == last
    scene.keep(came("accepted", HOUR + 10 * HOUR))
    assert scene.look("silence") == []
    (ended,) = [one for one in scene.store.alerts() if one.rule == "silence"]
    assert (ended.state, ended.notices) == ("ended", 2)


def test_silence_where_a_rhythm_is_given(url: str, open_store: Callable[..., Store]) -> None:
    scene = Scene(open_store, url, expected=(Expected(HOUR, provider="stripe"),))
    scene.keep(came("accepted", HOUR - 60), came("accepted", HOUR - 60, provider="github"))
    scene.pass_time(HOUR - 120)
    assert scene.look("silence") == []
    scene.pass_time(180)
    (alert,) = scene.look("silence")
    assert (alert.provider, alert.rule) == ("stripe", "silence")


def test_a_server_that_was_away_says_nothing_of_silence(url: str, open_store: Callable[..., Store]) -> None:
    scene = Scene(open_store, url, expected=(Expected(HOUR, provider="stripe"),))
    scene.keep(came("accepted"))
    scene.pass_time(10 * HOUR)
    scene.evaluator = Evaluator(scene.store, scene.settings, lambda: scene.now)
    assert scene.look("silence") == []
    scene.pass_time(HOUR + 60)
    assert len(scene.look("silence")) == 1


def test_of_two_servers_on_one_database_one_looks(shared_url: str, open_store: Callable[..., Store]) -> None:
    scene = Scene(open_store, shared_url)
    second = Evaluator(open_store(shared_url, clock=lambda: scene.now), scene.settings, lambda: 0.0)
    scene.keep(came("error"))
    assert scene.evaluator.look()
    assert not second.look()
    # The first has ended without a word.
    scene.pass_time(121)
    assert second.look()
    assert not scene.evaluator.look()
    # The second says that it ends.
    second.close()
    assert scene.evaluator.look()
    assert len(scene.store.alerts()) == 1


def test_what_is_kept_of_events_and_problems_is_bounded(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outworx_otel.server.store.bounds.MAX_EVENTS", 3)
    again = [came("accepted", n, event_id=f"evt_{n % 3}") for n in range(6)]
    scene.keep(*again, came("error", 10), came("error", 11))
    scene.look()
    # Those that are unhandled stay.
    assert scene.store.problem(1).unhandled_events == 2  # type: ignore[union-attr]
    assert scene.store.endpoints(NOW - DAY, NOW).events.ran_more_than_once == 0
    scene.store.set_problem_state(1, "ignored")
    scene.pass_time(91 * 86_400)
    scene.look()
    assert scene.store.problem(1) is None
    scene.look()
    assert scene.store.endpoints(NOW - DAY, NOW).endpoints == []
    # A number is not given twice.
    scene.keep(came("error", 91 * 86_400))
    assert [one.id for one in scene.store.problems().problems] == [2]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"stroke": False}, "did you mean 'streak'"),
        ({"streak": {"delivery": 3}}, "did you mean 'deliveries'"),
        ({"streak": {"deliveries": 0}}, "whole number from 1"),
        ({"streak": {"deliveries": True}}, "whole number from 1"),
        ({"streak": 3}, r"false, or a table"),
        ({"clock": {"off_by": 30}}, '"30s"'),
        ({"failure_share": {"above": 1.5}}, "0 to 1"),
        ({"silence": {"expect": [{"every": "1h"}]}}, "at least one of"),
        ({"silence": {"expect": [{"every": "often", "provider": "stripe"}]}}, '"1h"'),
        ({"silence": {"expect": [{"every": "1h", "path": "/x"}]}}, "unknown setting 'path'"),
        ({"silence": {"expect": "1h"}}, "must be tables"),
    ],
)
def test_settings_that_cannot_be_used_are_named(table: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        rule_settings(table)
    assert "alerts" in str(raised.value)


def test_settings_are_read() -> None:
    found = rule_settings(
        {
            "problem": {"deliveries": 3},
            "streak": False,
            "clock": {"off_by": "2m"},
            "failure_share": {"above": 0.5, "deliveries": 7},
            "unhandled_events": {"after": "3d"},
            "silence": {"expect": [{"every": "1h", "provider": "stripe", "route": "/hooks"}]},
        }
    )
    assert found.off == {"streak"}
    assert (found.problem_deliveries, found.clock_seconds, found.unhandled_after) == (3, 120.0, 3 * 86_400.0)
    assert (found.share_above, found.share_least) == (0.5, 7)
    assert found.expected == (Expected(3600.0, provider="stripe", route="/hooks"),)
