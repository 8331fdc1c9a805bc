"""A duplicate that comes while the first delivery is being handled, by another process or the same."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from support.process import wait_until

from .conftest import Site, at
from .scale import SLACK
from .seen import runs
from .sending import Answer, deliver

LONGEST_WAIT = 2.0


def first_and_duplicates(site: Site, kind: str, key: str, count: int, **plan: float) -> list[Answer]:
    """The answer to a delivery, and those to duplicates that came while its handler ran."""
    with ThreadPoolExecutor(count + 1) as pool:
        first = pool.submit(deliver, site.url(kind), key, **plan)
        wait_until(lambda: runs(site.witness, key).total() > 0, lambda: "the handler does not run")
        others = [pool.submit(deliver, site.url(kind), key, **plan) for _ in range(count)]
        return [answer.result() for answer in (first, *others)]


@at("fastapi-redis")
def test_where_the_endpoint_waits_duplicates_get_the_answer_of_the_run_that_they_waited_for(
    site: Site,
) -> None:
    first, *others = first_and_duplicates(site, "waiting", "patient", 4, sleeps=0.6)
    assert [other.is_replay for other in others] == [True] * 4
    assert {other.body for other in others} == {first.body}
    assert runs(site.witness, "patient").total() == 1
    assert max(other.took for other in others) < LONGEST_WAIT


@at("fastapi-redis")
def test_nobody_waits_longer_than_two_seconds(site: Site) -> None:
    first, *others = first_and_duplicates(site, "waiting", "impatient", 4, sleeps=LONGEST_WAIT + 0.6)
    assert (first.status, first.is_replay) == (200, False)
    assert [other.status for other in others] == [409] * 4
    assert all(LONGEST_WAIT * 0.9 < other.took < LONGEST_WAIT + SLACK for other in others)


@at("fastapi-redis")
def test_whoever_waited_for_a_run_that_fails_runs_the_handler(site: Site) -> None:
    first, other = first_and_duplicates(site, "waiting", "succeeding", 1, sleeps=0.4, fails=True)
    assert (first.status, other.status, other.is_replay) == (500, 200, False)
    assert runs(site.witness, "succeeding").total() == 2


@at("flask-postgresql")
def test_a_sync_handlers_duplicates_are_told_to_come_again_at_once(site: Site) -> None:
    _, other = first_and_duplicates(site, "waiting", "sync", 1, sleeps=0.6)
    assert (other.status, other.took < 0.6) == (409, True)
