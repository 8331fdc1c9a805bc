"""A process that is killed while it writes has lost nothing that it acknowledged, and nothing of it is half there."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.scale import scaled

from outworx_otel.server.model import Filter
from server.store.conftest import ENGINE, OpenStore, state_of
from server.store.samples import DAY, NOW

_PER_BATCH = 7
_WRITES = """
import sys
from server.store.samples import NOW, batch, one
from outworx_otel.server.store import Store

store = Store(sys.argv[1], state=sys.argv[2] or None, max_queued_bytes=1 << 26, clock=lambda: NOW / 1e9)
number = 0
while True:
    waiting = []
    for _ in range(10):
        number += 1
        made = [one(id=f"{number}-{part}", service=f"{number}") for part in range(7)]
        waiting.append((number, store.write(batch(*made))))
    for written, future in waiting:
        future.result()
        print(written, flush=True)
"""


@pytest.mark.parametrize("kill_after", [15, 40, scaled(400, 90)])
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("chdb", marks=pytest.mark.needs(ENGINE))])
def test_killed_while_writing_nothing_acknowledged_is_lost(
    request: pytest.FixtureRequest, open_store: OpenStore, kind: str, kill_after: int
) -> None:
    url = request.getfixturevalue(f"{kind}_url")
    writer = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", _WRITES, url, state_of(url) or ""],
        stdout=subprocess.PIPE,
        text=True,
        env={"PYTHONPATH": ":".join([str(Path(__file__).parents[2]), *sys.path])},
    )
    assert writer.stdout is not None
    acknowledged = [int(writer.stdout.readline()) for _ in range(kill_after)]
    writer.kill()
    acknowledged += [int(line) for line in writer.stdout.read().split("\n")[:-1]]
    writer.wait(20)

    store = open_store(url)
    there = list(store.iterate(Filter(), 100_000))
    per_batch = Counter(int(one.service) for one in there)
    assert set(acknowledged) <= set(per_batch)
    assert set(per_batch.values()) == {_PER_BATCH}
    # The figures are of the same transactions.
    figures = store.overview(NOW - DAY, NOW + 1, Filter())
    assert figures.total == len(there) == store.overview(0, NOW + DAY, Filter()).total
