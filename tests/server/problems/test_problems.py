"""Which deliveries make a problem, which belong to one, and how it ends; on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

import pytest

from outworx_otel.server.model import Filter, StoredDelivery
from outworx_otel.server.problems.problem import Problem
from outworx_otel.server.store import Store
from server.problems.staged import BEGIN, ROUTE, came, worked
from server.store.samples import SECOND, batch


def kept(store: Store, *deliveries: Any) -> list[Problem]:
    """The problems, once these deliveries and spans are written, each in a batch of its own."""
    for one in deliveries:
        store.write(batch(one)).result(20)
    return store.problems().problems


def only(problems: list[Problem]) -> Problem:
    assert len(problems) == 1, problems
    return problems[0]


PROVED = "Proved: the sender signed this JSON written compactly"
MAKES = {
    "the handler refuses": came("refused"),
    "the handler says that it failed": came("failed", said="the bank refused the refund"),
    "a silent drop": came("silent_drop", cause="early_return", function="paid", file="/app/shop.py"),
    "the store was away": came("unprotected"),
    "an exception": came("error", exception="shop.BankError: away", function="pay", file="/app/shop.py"),
    "a genuine one that nothing serves": came("unrouted", route=None, path="/old/stripe"),
    "a genuine one that is redirected": came("redirected", route=None),
    "a genuine one that a middleware turns away": came("turned_away", route=None),
    "a body that was proved to be rewritten": came("rejected", reason="parsed_body", hint=PROVED),
    "another of our secrets": came(
        "rejected", reason="hmac_mismatch", hint="Proved: this delivery is signed"
    ),
    "another time, and the signature fits": came("rejected", reason="timestamp_drift", age=1205.0),
    "a store that must be there": came("rejected", signature_valid=True, error_type="store_unavailable"),
    "an exception where nothing is verified": came("error", signature_valid=None, status=500),
}


def test_a_block_that_was_never_called_is_another_problem_than_a_store_that_was_away(store: Store) -> None:
    problems = kept(store, came("unprotected"), came("unprotected", idempotency="not_called"))
    said = {problem.happening: problem.advice for problem in problems}
    assert len(said) == 2
    (advice,) = (advice for words, advice in said.items() if "track.once()" in words)
    assert "store" not in advice


@pytest.mark.parametrize("which", MAKES)
def test_makes_a_problem(store: Store, which: str) -> None:
    made = only(kept(store, MAKES[which]))
    assert made.state == "open"
    assert made.outcome == MAKES[which].outcome
    assert (made.deliveries, made.events, made.unhandled_events) == (1, 1, made.outcome != "unprotected")
    assert (made.service, made.provider, made.route) == (
        "shop",
        "stripe",
        MAKES[which].route or MAKES[which].path,
    )


STRANGERS = {
    "without a signature": came("rejected", reason="missing_header"),
    "with a header of anything": came("rejected", reason="malformed_header"),
    "with a signature of another secret": came("rejected", reason="hmac_mismatch"),
    "with an old signature that does not fit": came("rejected", reason="timestamp_drift"),
    "to a path that nothing serves": came("unrouted", route=None, path="/.env", signature_valid=None),
    "to a path that nothing serves, signed wrongly": came("unrouted", route=None, signature_valid=False),
    "to a redirect": came("redirected", signature_valid=None),
    "to a login": came("turned_away", signature_valid=None),
    "with unmistakable headers, refused": came(
        "refused", signature_valid=None, detected=True, route="/login"
    ),
    "of the right secret, too early": came("handshake"),
}


@pytest.mark.parametrize("which", STRANGERS)
def test_a_stranger_makes_none_however_often(store: Store, which: str) -> None:
    one = STRANGERS[which]
    again = [came(one.outcome, 1 + n, **fields_of(one)) for n in range(12)]
    assert kept(store, one, *again) == []


def fields_of(one: StoredDelivery) -> dict[str, Any]:
    names = ("reason", "route", "path", "signature_valid", "attributes")
    return {name: getattr(one, name) for name in names}


@pytest.mark.parametrize("good", ["accepted", "replayed", "in_flight", "deferred"])
def test_what_goes_well_makes_none(store: Store, good: str) -> None:
    assert kept(store, came(good)) == []


def mismatch(second: float, **fields: Any) -> StoredDelivery:
    return came("rejected", second, reason="hmac_mismatch", **fields)


def test_five_in_a_row_that_do_not_fit_are_a_rotated_secret_where_it_used_to_verify(store: Store) -> None:
    four = [mismatch(n) for n in range(1, 5)]
    assert kept(store, came("accepted"), *four) == []
    # A scanner in between changes nothing.
    made = only(kept(store, came("rejected", 5, reason="missing_header"), mismatch(6)))
    assert (made.reason, made.deliveries, made.first_ns) == ("hmac_mismatch", 5, BEGIN + SECOND)
    assert len(store.deliveries(Filter(problem=made.id), 50).deliveries) == 5
    assert only(kept(store, mismatch(7))).deliveries == 6


def test_five_that_do_not_fit_in_one_batch(store: Store) -> None:
    store.write(batch(came("accepted"), *(mismatch(n) for n in range(1, 8)))).result(20)
    made = only(store.problems().problems)
    assert made.deliveries == 7
    assert len(store.deliveries(Filter(problem=made.id), 50).deliveries) == 7


def test_one_that_fits_in_between_and_they_are_strangers(store: Store) -> None:
    four = [mismatch(n) for n in range(1, 5)]
    assert kept(store, came("accepted"), *four, came("accepted", 5), mismatch(6)) == []


def test_where_nothing_was_ever_verified_they_are_strangers(store: Store) -> None:
    assert kept(store, *(mismatch(n) for n in range(12))) == []


def test_problems_are_told_apart_by_what_the_contract_names(store: Store) -> None:
    common = {"exception": "shop.BankError: away", "function": "pay", "file": "/app/shop.py"}
    different: list[dict[str, Any]] = [
        {},
        {"service": "eu-shop"},
        {"environment": "staging"},
        {"provider": "github"},
        {"route": "/webhooks/other"},
        {"exception": "KeyError: id"},
        {"function": "refund"},
        {"file": "/app/bank.py"},
    ]
    for n, fields in enumerate(different):
        assert len(kept(store, came("error", n, **{**common, **fields}))) == n + 1
    # What a problem says, or which line it is, makes no other one.
    same = came("error", 20, **{**common, "exception": "shop.BankError: closed"})
    assert len(kept(store, same)) == len(different)


def test_its_record_says_when_how_many_and_since_which_version(store: Store) -> None:
    made = only(
        kept(
            store,
            came("accepted", 0, version="1"),
            came("error", 10, version="2", event_id="evt_a", said="first"),
            came("error", 20, version="3", event_id="evt_a", said="second"),
            came("error", 30, version="3", event_id="evt_b"),
        )
    )
    assert (made.first_ns, made.last_ns, made.last_good_ns) == (
        BEGIN + 10 * SECOND,
        BEGIN + 30 * SECOND,
        BEGIN,
    )
    assert (made.deliveries, made.events, made.unhandled_events, made.streak) == (3, 2, 2, 3)
    assert (made.version, made.message) == ("2", "second")
    # The provider tries again, and it works.
    after = only(kept(store, came("accepted", 40, event_id="evt_a")))
    assert (after.unhandled_events, after.streak, after.last_good_ns) == (1, 0, BEGIN + 40 * SECOND)


def test_ten_good_ones_in_a_row_resolve_it_and_another_opens_it_again(store: Store) -> None:
    nine = [came("accepted", n) for n in range(1, 10)]
    assert only(kept(store, came("error"), *nine)).state == "open"
    made = only(kept(store, came("error", 10), *(came("accepted", n) for n in range(11, 20))))
    assert made.state == "open"
    made = only(kept(store, came("accepted", 20)))
    assert (made.state, made.reopened) == ("resolved", 0)
    again = only(kept(store, came("error", 30, version="7")))
    assert (again.state, again.reopened, again.deliveries, again.version) == ("open", 1, 3, "7")


def test_good_ones_of_another_endpoint_resolve_nothing(store: Store) -> None:
    others = [came("accepted", n, route="/webhooks/other") for n in range(1, 12)]
    assert only(kept(store, came("error"), *others)).state == "open"


@pytest.mark.parametrize(
    ("state", "then"), [("acknowledged", "acknowledged"), ("ignored", "ignored"), ("resolved", "open")]
)
def test_a_state_that_was_set_by_hand_and_another_delivery(store: Store, state: Any, then: str) -> None:
    made = only(kept(store, came("error")))
    changed = store.set_problem_state(made.id, state)
    assert changed is not None
    assert changed.state == state
    # What happened before, and comes only now, changes nothing.
    assert only(kept(store, came("error", 5))).state == state
    assert only(kept(store, came("error", 3600))).state == then
    assert store.set_problem_state(made.id + 1, state) is None


def test_what_comes_late_from_before_it_was_resolved_opens_nothing(store: Store) -> None:
    made = only(kept(store, came("error", 10), *(came("accepted", 20 + n) for n in range(10))))
    assert made.state == "resolved"
    assert only(kept(store, came("error", 11))).state == "resolved"


def test_a_batch_that_is_sent_twice_counts_once(store: Store) -> None:
    both = [came("accepted"), came("error", 1, event_id="evt_a"), came("error", 2, event_id="evt_a")]
    once = only(kept(store, *both))
    store.write(batch(*both, came("error", 3, event_id="evt_c"))).result(20)
    store.write(batch(*both)).result(20)
    twice = only(store.problems().problems)
    assert (once.deliveries, once.streak) == (2, 2)
    assert (twice.deliveries, twice.streak, twice.events) == (3, 3, 2)


def test_a_problem_lists_exactly_its_deliveries(store: Store) -> None:
    mine = [came("error", n, exception="KeyError: id") for n in range(3)]
    other = [came("error", n, exception="ValueError: x") for n in range(4)]
    kept(store, came("accepted"), *mine, *other)
    for problem in store.problems().problems:
        found = {one.id for one in store.deliveries(Filter(problem=problem.id), 50).deliveries}
        assert found == {one.id for one in (mine if problem.exception_type == "KeyError" else other)}
        assert problem.deliveries == len(found)


def test_two_servers_on_one_database_count_together(shared_url: str, open_store: Any) -> None:
    first, second = open_store(shared_url), open_store(shared_url)
    for n in range(6):
        (first if n % 2 else second).write(batch(came("error", n))).result(20)
    made = only(first.problems().problems)
    assert (made.deliveries, made.streak, made.events) == (6, 6, 6)
    assert second.problems().problems == [made]


def test_pages_of_problems_are_newest_first_and_filtered(store: Store) -> None:
    for n, provider in enumerate(["stripe", "github", "stripe", "slack"]):
        kept(store, came("error", n, provider=provider, route=f"/{n}", service="a" if n % 2 else "b"))
    page = store.problems(limit=2)
    assert [one.provider for one in page.problems] == ["slack", "stripe"]
    rest = store.problems(limit=2, cursor=page.next_cursor)
    assert [one.provider for one in rest.problems] == ["github", "stripe"]
    assert rest.next_cursor is None
    assert [one.provider for one in store.problems(service="a").problems] == ["slack", "github"]
    assert len(store.problems(provider="stripe").problems) == 2
    assert store.problems(state="resolved").problems == []


def test_problems_are_bounded_and_the_last_one_says_so(
    sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outworx_otel.server.store.problem_records.MAX_OF_AN_ENDPOINT", 5)
    monkeypatch.setattr("outworx_otel.server.store.problem_records.MAX_PROBLEMS", 8)
    for n in range(9):
        found = kept(sqlite_store, came("error", n, exception=f"E{n}: x"))
    assert len(found) == 6
    assert (found[0].overflow, found[0].deliveries, found[0].route) == (True, 4, ROUTE)
    assert "more" in found[0].headline
    for n in range(9):
        found = kept(sqlite_store, came("error", 20 + n, route=f"/r{n}"))
    assert len(found) == 9
    assert (found[0].overflow, found[0].deliveries, found[0].service) == (True, 7, "_OTHER")


def test_deferred_work_that_fails_is_a_problem_of_its_delivery(store: Store) -> None:
    delivery = came("deferred")
    assert kept(store, delivery) == []
    made = only(kept(store, worked(delivery, "failed", status_message="the bank was closed")))
    assert (made.outcome, made.message, made.deliveries, made.unhandled_events) == (
        "failed",
        "the bank was closed",
        1,
        1,
    )
    assert [one.id for one in store.deliveries(Filter(problem=made.id), 5).deliveries] == [delivery.id]


def test_deferred_work_whose_span_comes_first(store: Store) -> None:
    delivery = came("deferred")
    assert kept(store, worked(delivery, "failed")) == []
    assert only(kept(store, delivery)).outcome == "failed"


def test_a_place_is_the_applications_own(store: Store) -> None:
    trace = (
        "Traceback (most recent call last):\n"
        '  File "/venv/lib/python3.11/site-packages/starlette/x.py", line 1, in app\n'
        '    raise\n  File "/srv/shop/pay.py", line 9, in charge\n    bank()\n'
        '  File "/venv/lib/python3.11/site-packages/bank.py", line 3, in bank\n    x\nBankError\n'
    )
    one = came("error", exception="bank.BankError: no", trace=trace)
    made = only(kept(store, one))
    assert (made.code_function, made.code_file) == ("charge", "/srv/shop/pay.py")
    assert made.headline == "stripe /webhooks/stripe: BankError, an exception or a 5xx in charge (pay.py)"


def test_a_delivery_is_unhandled_as_long_as_its_event_is(store: Store) -> None:
    failed, again = came("error", event_id="evt_1"), came("error", 10, event_id="evt_1")
    dropped, elsewhere = came("silent_drop", event_id="evt_2"), came("error", event_id="evt_1", service="bot")
    without_id, stranger = came("failed", event_id=None), came("rejected")
    goes_on, good = came("deferred"), came("accepted")
    everything = [failed, again, dropped, elsewhere, without_id, stranger, goes_on, good]
    kept(store, *everything)
    unhandled = {one.id for one in (failed, again, dropped, elsewhere, without_id)}
    assert store.unhandled(everything) == unhandled

    kept(store, came("accepted", 20, event_id="evt_1", route="/moved"), worked(goes_on, "failed"))
    assert store.unhandled(everything) == unhandled - {failed.id, again.id} | {goes_on.id}
    assert store.unhandled(store.deliveries(Filter(), 50).deliveries) == store.unhandled(everything)
