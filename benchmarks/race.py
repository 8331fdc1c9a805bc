"""One interleaved run: every variant in its own process, and a round of each in turn."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import random
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any

from benchmarks.deliveries import HOOKS, PLAIN, SHAPES, Shape, inbound
from benchmarks.lanes import Lane
from benchmarks.providers import provide
from benchmarks.variants import Variant, has_peer

# Forked children have the same memory layout and hash seed: no variant is lucky in where its objects lie.
_FORK = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
_context: Any = multiprocessing.get_context(_FORK)
_WARM_UP = 6
# What is judged by a ratio runs in every round, what is far from its limit in every third.
_NARROW = (Variant.BARE, Variant.FLOOR, Variant.OURS)


@dataclass
class Times:
    """Microseconds per request, by shape and variant, and there by the number of the round."""

    by_shape: dict[str, dict[Variant, dict[int, float]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(dict))
    )


class Runner:
    """One variant's process, at the other end of a pipe."""

    def __init__(self, lane: Lane, variant: Variant, peer_port: int) -> None:
        self.variant = variant
        self._pipe, theirs = _context.Pipe()
        self._process = _context.Process(target=_child, args=(lane, variant, peer_port, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def check(self) -> set[str]:
        """The attribute names of its span for a good delivery.

        Raises:
            RuntimeError: it does not answer as it should.
        """
        answer = self._ask(None)
        if isinstance(answer, str):
            raise RuntimeError(f"{self.variant.value}: {answer}")
        names: set[str] = answer
        return names

    def round(self, shape: Shape) -> float:
        """Microseconds per request."""
        microseconds: float = self._ask(shape.name)
        return microseconds

    def stop(self) -> None:
        """Ends the process."""
        self._process.terminate()
        self._process.join()

    def _ask(self, question: str | None) -> Any:
        self._pipe.send(question)
        try:
            return self._pipe.recv()
        except EOFError:
            raise RuntimeError(f"{self.variant.value}: its process died") from None


def run(lane: Lane, generations: int, rounds: int, peer_port: int) -> Times:
    """Times every variant of one framework.

    Args:
        lane: the framework.
        generations: how often all processes are started afresh.
        rounds: rounds of each shape in each generation.
        peer_port: where the peer sends to.
    """
    lane.load()
    times = Times()
    for generation in range(generations):
        with _runners(lane, peer_port) as runners:
            _compare(runners, say=generation == 0)
            for number in range(-1, rounds):
                for shape in HOOKS + PLAIN:
                    taken = _one_round(shape, runners, number)
                    for variant, microseconds in taken.items() if number >= 0 else ():
                        times.by_shape[shape.name][variant][generation * rounds + number] = microseconds
    return times


@contextlib.contextmanager
def _runners(lane: Lane, peer_port: int) -> Iterator[list[Runner]]:
    variants = [variant for variant in Variant if not variant.is_peer or has_peer()]
    runners = [Runner(lane, variant, peer_port) for variant in variants]
    try:
        yield runners
    finally:
        for runner in runners:
            runner.stop()


def _compare(runners: list[Runner], say: bool) -> None:
    """Sees to it that all variants do the work that they are timed for."""
    attributes = {runner.variant: runner.check() for runner in runners}
    floor, ours = attributes[Variant.FLOOR], attributes[Variant.OURS]
    if say and floor != ours:
        print(f"  ! the floor's span lacks {sorted(ours - floor)} and has {sorted(floor - ours)} besides")


def _one_round(shape: Shape, runners: list[Runner], number: int) -> dict[Variant, float]:
    if shape in PLAIN:
        variants: tuple[Variant, ...] = (Variant.BARE, Variant.OURS, Variant.DOOR)
    else:
        variants = _NARROW if number % 3 else tuple(one for one in Variant if not one.is_part)
    taking_part = [runner for runner in runners if runner.variant in variants]
    random.shuffle(taking_part)
    return {runner.variant: runner.round(shape) for runner in taking_part}


def _child(lane: Lane, variant: Variant, peer_port: int, pipe: Connection) -> None:
    logging.disable(logging.CRITICAL)
    last = provide()
    call = lane.build(variant, peer_port)
    while True:
        question = pipe.recv()
        if question is None:
            pipe.send(_problem(variant, call) or set(last.attributes()))
            continue
        shape = SHAPES[question]
        request = inbound(shape)
        call(request, _WARM_UP)
        seconds, statuses = call(request, shape.requests)
        if statuses != {200}:
            raise RuntimeError(f"answered {statuses}")
        pipe.send(seconds / shape.requests * 1e6)


def _problem(variant: Variant, call: Any) -> str | None:
    _, forged = call(inbound(HOOKS[0], "another secret"), 1)
    if variant.verifies and forged != {401}:
        return f"a forged delivery was answered {forged}"
    _, statuses = call(inbound(HOOKS[0]), 1)
    return None if statuses == {200} else f"a good delivery was answered {statuses}"
