"""`python -m benchmarks.instructions [--by-function LANE] [--keep]`: how many bytecode instructions a delivery takes.

Times differ from run to run, these counts do not: what made the way of a delivery longer is seen.
What is kept in instructions.json was counted with the Python and the packages that stand there.
"""

from __future__ import annotations

import argparse
import json
import logging
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, Final

from benchmarks import calls, key_instructions
from benchmarks.deliveries import HOOKS, PLAIN, inbound
from benchmarks.lanes import LANES
from benchmarks.providers import provide
from benchmarks.variants import Variant

KEPT: Final = Path(__file__).with_name("instructions.json")
_PACKAGES: Final = (
    *("opentelemetry-sdk", "starlette", "fastapi", "flask", "django"),
    *("redis", "psycopg", "sqlalchemy"),
)
_SHAPES: Final = {"a delivery of 1 KB": HOOKS[0], "another POST": PLAIN[1], "a GET": PLAIN[0]}
_VARIANTS: Final = (Variant.BARE, Variant.FLOOR, Variant.OURS)
_WARM_UP: Final = 20
_COUNTED: Final = 15
_GROWTH: Final = 1.1
_ROWS: Final = 40


def main() -> int:
    """Prints what every lane takes, beside what is kept."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--by-function", metavar="LANE", choices=list(LANES), help="where they go in ours")
    parser.add_argument("--keep", action="store_true", help=f"write them to {KEPT.name}")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        lane, variant = arguments.child
        print(json.dumps(key_counts() if lane == "keys" else counts(lane, Variant(variant))))
        return 0
    if arguments.by_function:
        _show_functions(arguments.by_function)
        return 0
    found = {lane: _added(lane) for lane in LANES}
    keys: dict[str, int] = _child("keys", Variant.OURS)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    comparable = kept.get("with") == _with()
    _show(found, kept.get("counts", {}) if comparable else {})
    for store, added in keys.items():
        before = kept.get("keys", {}).get(store) if comparable else None
        print(
            f"A key, {store}: {added:,} instructions over the delivery without one{_compared(added, before)}"
        )
    if arguments.keep:
        KEPT.write_text(json.dumps({"with": _with(), "counts": found, "keys": keys}, indent=2) + "\n")
    elif not comparable:
        print(f"{KEPT.name} was counted with {kept.get('with')}: not compared")
    return 0


def counts(lane: str, variant: Variant) -> dict[str, int]:
    """Instructions for each shape of request; in a process of its own, for what is patched stays so."""
    logging.disable(logging.CRITICAL)
    provide()
    call = LANES[lane].build(variant, 0)
    return {name: _count(call, shape) for name, shape in _SHAPES.items()}


def key_counts() -> dict[str, int]:
    """Instructions that a key adds, by store; likewise in a process of its own."""
    logging.disable(logging.CRITICAL)
    provide()
    return key_instructions.counts()


def _count(call: Any, shape: Any, by: Counter[str] | None = None) -> int:
    calls.serving_time = float  # which asks each thread, and ours has more of them
    request = inbound(shape)
    call(request, _WARM_UP)
    total = 0

    def opcode(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        nonlocal total
        if event == "opcode":
            total += 1
            if by is not None:
                code = frame.f_code
                by[f"{'/'.join(Path(code.co_filename).parts[-3:])}:{code.co_name}"] += 1
        return opcode

    def begin(frame: FrameType, event: str, _: object) -> Callable[..., Any]:
        frame.f_trace_opcodes = True
        frame.f_trace_lines = False
        return opcode

    each = []
    for _ in range(_COUNTED):
        total = 0
        sys.settrace(begin)
        try:
            call(request, 1)
        finally:
            sys.settrace(None)
        each.append(total)
    # What an event loop does besides is not in all of them.
    return min(each)


def _added(lane: str) -> dict[str, dict[str, int]]:
    found = {variant: _child(lane, variant) for variant in _VARIANTS}
    bare = found[Variant.BARE]
    return {shape: {one.value: found[one][shape] - bare[shape] for one in _VARIANTS[1:]} for shape in _SHAPES}


def _child(lane: str, variant: Variant) -> Any:
    command = [sys.executable, "-m", "benchmarks.instructions", "--child", lane, variant.value]
    done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603
    return json.loads(done.stdout.splitlines()[-1])


def _show(found: dict[str, Any], kept: dict[str, Any]) -> None:
    for lane, shapes in found.items():
        for shape, added in shapes.items():
            ours, before = added["ours"], kept.get(lane, {}).get(shape, {}).get("ours")
            words = f"{LANES[lane].title}, {shape}: {ours:,} instructions over bare"
            if shape.startswith("a delivery"):
                words += f", the floor {added['floor']:,}: {ours / added['floor']:.2f} times"
            print(words + _compared(ours, before))


def _compared(now: int, before: int | None) -> str:
    if before is None:
        return ""
    grown = "GROWN BY MORE THAN A TENTH" if now > before * _GROWTH else "not grown"
    return f"; kept: {before:,}, {grown}"


def _show_functions(lane: str) -> None:
    logging.disable(logging.CRITICAL)
    provide()
    call = LANES[lane].build(Variant.OURS, 0)
    by: Counter[str] = Counter()
    total = _count(call, HOOKS[0], by)
    print(f"{LANES[lane].title}: {total:,} instructions for a delivery of 1 KB, the framework's own included")
    for place, count in by.most_common(_ROWS):
        print(f"{count / _COUNTED:8.0f}  {place}")


def _with() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}}


if __name__ == "__main__":
    sys.exit(main())
