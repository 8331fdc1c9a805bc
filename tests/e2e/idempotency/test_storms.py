"""Simultaneous duplicates through several server processes: each key's handler runs once, nobody sees an error."""

from __future__ import annotations

from collections import Counter

from .conftest import EVERY_PLACE, SOME_PLACES, Site, at
from .scale import DUPLICATES, FULL, KEYS, PROCESSES
from .seen import await_webhooks, runs
from .sending import Answer, Duplicates, deliver

PLAN = {"sleeps": 0.005}


@at(*(EVERY_PLACE if FULL else SOME_PLACES))
def test_of_simultaneous_duplicates_one_runs_and_all_others_are_replayed_or_told_to_wait(site: Site) -> None:
    answers: dict[str, list[Answer]] = {}
    ran_in: set[int] = set()
    with Duplicates(site.url(), DUPLICATES) as duplicates:
        # It is the kernel that gives connections to processes: now and then one of them is slow to get any.
        while len(answers) < KEYS or (len(ran_in) < PROCESSES and len(answers) < 5 * KEYS):
            key = f"storm-{len(answers)}"
            answers[key] = duplicates.deliver(key, **PLAN)
            ran_in.add(assert_one_ran(answers[key]))
    for key, answered in answers.items():
        answered.append(deliver(site.url(), key, **PLAN))
        assert_one_ran(answered)
        assert answered[-1].is_replay
    assert len(ran_in) >= PROCESSES
    assert runs(site.witness, "storm-") == Counter(answers.keys())
    everything = [answer for answered in answers.values() for answer in answered]
    spans = await_webhooks(site.receiver, len(everything), "storm-")
    assert Counter(span.outcome for span in spans) == {
        "executed": len(answers),
        "replayed": sum(answer.is_replay for answer in everything),
        "in_flight": sum(answer.status == 409 for answer in everything),
    }


def assert_one_ran(answers: list[Answer]) -> int:
    """The process that ran the handler, after seeing that all others were told of that run, or to come again."""
    (executed,) = [answer for answer in answers if answer.status == 200 and not answer.is_replay]
    told_to_wait = [answer for answer in answers if answer.status == 409]
    replayed = [answer for answer in answers if answer.is_replay]
    assert len(told_to_wait) + len(replayed) == len(answers) - 1
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in told_to_wait)
    assert {(answer.status, answer.body) for answer in replayed} <= {(200, executed.body)}
    return executed.pid
