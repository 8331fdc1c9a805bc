"""The run as a table, and whether its targets were reached."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from benchmarks.deliveries import HOOKS, PLAIN, Shape
from benchmarks.lanes import Lane
from benchmarks.race import Times
from benchmarks.variants import Variant

RATIO_TARGETS: Final = {"1 KB": 1.5, "256 KB": 1.15}
PLAIN_TARGETS: Final = {Variant.OURS: 3.0, Variant.DOOR: 1.5}
_COLUMNS: Final = "{:>7} {:>7} {:>8} {:>8} {:>6} {:>10} {:>9} {:>8} {:>10}  {}"


@dataclass(frozen=True)
class Verdict:
    """One target and what was measured against it."""

    what: str
    value: float
    limit: float

    @property
    def reached(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{'reached' if self.reached else 'MISSED'} ({self.value:.2f}, at most {self.limit:.2f})"


def cost(times: dict[Variant, dict[int, float]], variant: Variant) -> float | None:
    """Median, over rounds, of what a variant took longer than the bare application in the same round."""
    if variant not in times:
        return None
    bare = times[Variant.BARE]
    return median(took - bare[number] for number, took in times[variant].items())


def verdicts(lane: Lane, times: Times) -> list[Verdict]:
    """Every target that concerns this framework."""
    found = []
    for shape in HOOKS:
        here = times.by_shape[shape.name]
        floor, ours = cost(here, Variant.FLOOR), cost(here, Variant.OURS)
        if shape.name in RATIO_TARGETS and floor and ours is not None:
            what = f"{lane.name} {shape.name}: ours / floor"
            found.append(Verdict(what, ours / floor, RATIO_TARGETS[shape.name]))
        for one in (Variant.PEER, Variant.PEER_TYPED):
            peer = cost(here, one)
            if peer is not None and ours is not None:
                found.append(Verdict(f"{lane.name} {shape.name}: ours below {one.value}, µs", ours, peer))
    for shape in PLAIN:
        for variant, limit in PLAIN_TARGETS.items():
            added = cost(times.by_shape[shape.name], variant)
            if added is not None:
                found.append(Verdict(_plain(lane, shape, variant), added, limit))
    return found


def _plain(lane: Lane, shape: Shape, variant: Variant) -> str:
    by = "" if variant is Variant.OURS else f" by the {variant.value} alone"
    return f"{lane.name} {shape.name} that is no webhook: µs added{by}"


def show(lane: Lane, times: Times) -> None:
    """Prints one framework's table."""
    rounds = len(times.by_shape[HOOKS[0].name][Variant.BARE])
    print(f"\n{lane.title}: µs per request, + over bare, medians of {rounds} rounds")
    names = ("body", "bare", "floor", "ours", "ratio", "ours+mark", "official", "peer", "peer+type")
    print(_COLUMNS.format(*names, "ours / floor; ours < peer; ours < peer+type"))
    judged = {verdict.what: verdict for verdict in verdicts(lane, times)}
    for shape in HOOKS:
        here = times.by_shape[shape.name]
        floor, ours, *others = (
            cost(here, one) for one in Variant if one is not Variant.BARE and not one.is_part
        )
        ratio = f"{ours / floor:.2f}" if ours is not None and floor else "-"
        ratio_verdict = judged.get(f"{lane.name} {shape.name}: ours / floor")
        words = ["no target" if ratio_verdict is None else str(ratio_verdict)]
        for one in (Variant.PEER, Variant.PEER_TYPED):
            below = judged.get(f"{lane.name} {shape.name}: ours below {one.value}, µs")
            words.append("no peer" if below is None else "yes" if below.reached else "MISSED")
        bare = f"{median(here[Variant.BARE].values()):.1f}"
        costs = (_plus(floor), _plus(ours), ratio, *(_plus(one) for one in others))
        print(_COLUMNS.format(shape.name, bare, *costs, "; ".join(words)))
    for shape in PLAIN:
        here = times.by_shape[shape.name]
        verdict, door = (judged[_plain(lane, shape, variant)] for variant in PLAIN_TARGETS)
        bare = f"{median(here[Variant.BARE].values()):.1f}"
        added = _plus(verdict.value)
        print(
            f"{'no hook':>7} {bare:>7} {'':>8} {added:>8}  {shape.name}, ordinary headers: {verdict}",
            end="; ",
        )
        print(f"the door alone {_plus(door.value)}: {door}")


def _plus(microseconds: float | None) -> str:
    return "-" if microseconds is None else f"{microseconds:+.1f}"


def as_json(times: Times) -> dict[str, Any]:
    """What was measured, for a file."""
    return {
        shape: {
            variant.value: {
                "median_us": round(median(rounds.values()), 3),
                "over_bare_us": None if variant is Variant.BARE else round(cost(variants, variant) or 0.0, 3),
            }
            for variant, rounds in variants.items()
        }
        for shape, variants in times.by_shape.items()
    }
