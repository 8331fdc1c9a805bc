"""Every back-end against a reference model that fits on a page: any sequence of operations gives the same answers."""

from __future__ import annotations

import asyncio
import itertools
import time
from dataclasses import dataclass
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from outworx_otel.idempotency import (
    Claimed,
    Completed,
    IdempotencyStore,
    InProgress,
    StoredAnswer,
    hashed_key,
)

from .scale import SCALE

LEASE = 1000.0
# Runs out while the rule that gave it sleeps, so that real servers' clocks need not be moved.
MOMENT = 0.004
_runs = itertools.count()


@dataclass
class Held:
    token: str
    live: bool


@dataclass
class Done:
    token: str
    answer: StoredAnswer


class Model:
    """What a store should do, with one dictionary and no concurrency."""

    def __init__(self) -> None:
        self.records: dict[str, Held | Done] = {}

    def claim(self, key: str, token: str) -> type | StoredAnswer:
        record = self.records.get(key)
        if isinstance(record, Done):
            return record.answer
        if record is not None and record.live and record.token != token:
            return InProgress
        self.records[key] = Held(token, True)
        return Claimed

    def renew(self, key: str, token: str) -> bool:
        if not self._holds(key, token):
            return False
        self.records[key] = Held(token, True)
        return True

    def complete(self, key: str, token: str, answer: StoredAnswer) -> bool:
        record = self.records.get(key)
        if isinstance(record, Done):
            return record.token == token
        if not self._holds(key, token):
            return False
        self.records[key] = Done(token, answer)
        return True

    def release(self, key: str, token: str) -> bool:
        return self._holds(key, token) and self.records.pop(key, None) is not None

    def time_passed(self, key: str) -> None:
        record = self.records.get(key)
        if isinstance(record, Held):
            record.live = False
        elif record is not None:
            del self.records[key]

    def _holds(self, key: str, token: str) -> bool:
        record = self.records.get(key)
        return isinstance(record, Held) and record.token == token


keys = st.sampled_from(("one", "two"))
tokens = st.sampled_from(("a", "ab", "b", "c"))
faces = st.booleans()
answers = st.builds(
    StoredAnswer,
    status=st.integers(200, 299),
    headers=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5)), max_size=2).map(tuple),
    body=st.none() | st.binary(max_size=40),
    fingerprint=st.text(max_size=8),
)


class Conformance(RuleBasedStateMachine):
    store: IdempotencyStore
    loop: asyncio.AbstractEventLoop

    @initialize()
    def begin(self) -> None:
        self.model = Model()
        self.run_number = next(_runs)

    def name(self, key: str) -> str:
        return hashed_key(str(self.run_number), key)

    def ask(self, operation: str, awaited: bool, *arguments: Any) -> Any:
        if not awaited:
            return getattr(self.store, operation)(*arguments)
        return self.loop.run_until_complete(getattr(self.store, f"a{operation}")(*arguments))

    @rule(key=keys, token=tokens, awaited=faces, brief=faces)
    def claim(self, key: str, token: str, awaited: bool, brief: bool) -> None:
        said = self.ask("claim", awaited, self.name(key), token, MOMENT if brief else LEASE)
        expected = self.model.claim(key, token)
        if isinstance(expected, StoredAnswer):
            assert said == Completed(expected)
        else:
            assert isinstance(said, expected)
        if expected is Claimed and brief:
            self.pass_time(key)

    @rule(key=keys, token=tokens, awaited=faces, brief=faces)
    def renew(self, key: str, token: str, awaited: bool, brief: bool) -> None:
        expected = self.model.renew(key, token)
        assert self.ask("renew", awaited, self.name(key), token, MOMENT if brief else LEASE) == expected
        if expected and brief:
            self.pass_time(key)

    @rule(key=keys, token=tokens, answer=answers, awaited=faces, brief=faces)
    def complete(self, key: str, token: str, answer: StoredAnswer, awaited: bool, brief: bool) -> None:
        was_done = isinstance(self.model.records.get(key), Done)
        expected = self.model.complete(key, token, answer)
        ttl = MOMENT if brief else LEASE
        assert self.ask("complete", awaited, self.name(key), token, answer, ttl) == expected
        if expected and brief and not was_done:
            self.pass_time(key)

    @rule(key=keys, token=tokens, awaited=faces)
    def release(self, key: str, token: str, awaited: bool) -> None:
        assert self.ask("release", awaited, self.name(key), token) == self.model.release(key, token)

    def pass_time(self, key: str) -> None:
        time.sleep(MOMENT * 2)
        self.model.time_passed(key)


def test_any_sequence_of_operations_is_answered_as_the_model_answers(store: IdempotencyStore) -> None:
    loop = asyncio.new_event_loop()
    machine = type("OnThisStore", (Conformance,), {"store": store, "loop": loop})
    try:
        run_state_machine_as_test(
            machine, settings=settings(max_examples=25 * SCALE, stateful_step_count=25, deadline=None)
        )
    finally:
        loop.close()
