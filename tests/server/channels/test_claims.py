"""Which notice is whose to send."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import update

from outworx_otel.server.problems.sending import MAX_ATTEMPTS
from outworx_otel.server.store import Store
from outworx_otel.server.store.schema import alert_sendings
from server.store.conftest import OpenStore

from .scene import HOUR, change_alert, claim, end_alert, raise_alert, sendings


@pytest.fixture(params=["sqlite", "postgresql"])
def stores(request: pytest.FixtureRequest, open_store: OpenStore) -> tuple[Store, Store]:
    """Two servers on one database."""
    url = request.getfixturevalue(f"{request.param}_url")
    return open_store(url, clock=time.time), open_store(url, clock=time.time)


@pytest.fixture
def store(sqlite_url: str, open_store: OpenStore) -> Store:
    return open_store(sqlite_url, clock=time.time)


def test_what_one_server_has_claimed_no_other_one_sends(stores: tuple[Store, Store]) -> None:
    first, second = stores
    raise_alert(first, 1)
    claimed = claim(first)
    assert claimed is not None
    assert (claim(second), claim(first)) == (None, None)
    first.sendings.sent(claimed)
    assert (claim(second), claim(first)) == (None, None)
    assert [(one.channel, one.told, one.next_ns) for one in sendings(second)] == [("ops", 1, None)]


def test_what_was_claimed_and_not_recorded_is_sent_by_another_once_the_lease_is_over(
    stores: tuple[Store, Store],
) -> None:
    first, second = stores
    raise_alert(first, 1)
    lost = claim(first, lease=0.0)
    taken = claim(second)
    assert lost is not None
    assert taken is not None
    # Whoever comes back late changes nothing of what is another one's now.
    first.sendings.sent(lost)
    first.sendings.failed(lost, "too late", 0.0)
    assert [(one.told, one.error) for one in sendings(first)] == [(0, "")]
    second.sendings.sent(taken)
    assert [one.told for one in sendings(first)] == [1]


def test_each_channel_is_told(store: Store) -> None:
    raise_alert(store, 1)
    one, other = claim(store, "ops"), claim(store, "mail")
    assert one is not None
    assert other is not None


def test_what_failed_waits_and_is_tried_again(store: Store) -> None:
    raise_alert(store, 1)
    first = claim(store)
    assert first is not None
    store.sendings.failed(first, "it answered 503", 60.0)
    assert claim(store) is None
    assert [(one.attempts, one.error, one.given_up) for one in sendings(store)] == [
        (1, "it answered 503", False)
    ]
    # What is new about it does not wait.
    change_alert(store, 1, notices=2)
    second = claim(store)
    assert second is not None
    assert (second.alert.notices, second.attempts) == (2, 0)


def test_what_cannot_be_sent_is_given_up_and_said(store: Store) -> None:
    raise_alert(store, 1)
    for attempts in (0, MAX_ATTEMPTS - 1):
        with store._database.write() as connection:
            connection.execute(update(alert_sendings).values(attempts=attempts))
        claimed = claim(store)
        assert claimed is not None
        store.sendings.failed(claimed, "refused", 0.0)
    assert claim(store) is None
    assert [(one.given_up, one.next_ns) for one in sendings(store)] == [(True, None)]
    change_alert(store, 1, notices=2)
    assert claim(store) is not None


def test_the_end_is_told_once_too(store: Store) -> None:
    raise_alert(store, 1)
    first = claim(store)
    assert first is not None
    # It grew and ended while it was being sent.
    end_alert(store, 1, time.time_ns(), notices=3)
    store.sendings.sent(first)
    last = claim(store)
    assert last is not None
    assert (last.alert.state, last.alert.notices) == ("ended", 3)
    store.sendings.sent(last)
    assert claim(store) is None


@pytest.mark.parametrize(("age", "is_told"), [(HOUR // 2, True), (2 * HOUR, False)])
def test_a_new_channel_is_not_told_of_what_was_over_long_before(
    age: int, is_told: bool, store: Store
) -> None:
    raise_alert(store, 1)
    end_alert(store, 1, time.time_ns() - age, notices=2)
    assert (claim(store) is not None) is is_told


def test_what_goes_on_is_told_however_old_it_is(store: Store) -> None:
    raise_alert(store, 1, changed_ns=time.time_ns() - 1000 * HOUR)
    assert claim(store) is not None


def test_a_channel_is_told_of_its_rules_and_services_only(store: Store) -> None:
    raise_alert(store, 1, rule="silence", service="shop")
    raise_alert(store, 2, rule="problem", service="billing")
    assert claim(store, rules=("clock",)) is None
    assert claim(store, services=("other",)) is None
    for wanted, id in (({"rules": ("silence", "clock")}, 1), ({"services": ("billing",)}, 2)):
        claimed = claim(store, **wanted)
        assert claimed is not None
        assert claimed.alert.id == id


def test_what_is_kept_of_an_alert_goes_with_it(store: Store) -> None:
    raise_alert(store, 1)
    raise_alert(store, 2)
    for _ in range(2):
        claimed = claim(store)
        assert claimed is not None
        store.sendings.sent(claimed)
    with store._database.write() as connection:
        connection.exec_driver_sql("DELETE FROM alerts WHERE id = 1")
    store.sendings.forget()
    with store._database.read() as connection:
        assert connection.exec_driver_sql("SELECT alert FROM alert_sendings").scalars().all() == [2]


def test_alerts_are_read_in_pages(store: Store) -> None:
    for id in range(1, 6):
        raise_alert(store, id, changed_ns=id)
    first = store.sendings.page(limit=3)
    second = store.sendings.page(limit=3, cursor=first.next_cursor)
    assert [alert.id for alert, _ in first.alerts + second.alerts] == [5, 4, 3, 2, 1]
    assert second.next_cursor is None
    end_alert(store, 2, 7, notices=2)
    assert [alert.id for alert, _ in store.sendings.page(state="ended").alerts] == [2]
