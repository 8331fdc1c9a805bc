"""Copies the deliveries of a store of columns inside its engine: see `benchmarks.spread`.

A copy is hours later than the delivery before it: alike ones side by side would be compressed together, and a
delivery would seem to take a tenth of the bytes. What would come after the last delivery comes before the first.
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from pathlib import Path
from typing import Final

from benchmarks.spread import SqliteTarget, copied_event_id, spread_state
from outworx_otel.server.store.columns.address import address_of
from outworx_otel.server.store.columns.engine import Engine
from outworx_otel.server.store.columns.moved import metadata
from outworx_otel.server.store.columns.tables import DELIVERIES, Tables
from outworx_otel.server.store.packing import hashed

_FURTHER: Final = 2000
"""So many deliveries stand between one and its next copy, before all are copied."""

_LONG: Final = {"max_execution_time": 3600}
_MERGED_WITHIN: Final = 900
"""Seconds."""

_HASHES: Final = {"seq": "UInt64", "hashes": "Array(UInt64)"}


def spread_columns(url: str, state: Path, times: int) -> None:
    """Makes `times` as many deliveries of those that a store holds, which were written one by one.

    Args:
        url: of its columns.
        state: its file of SQLite.
    """
    with contextlib.closing(sqlite3.connect(":memory:")) as source:
        with contextlib.closing(sqlite3.connect(state)) as file:
            file.backup(source)
        with contextlib.closing(SqliteTarget(f"sqlite:///{state}")) as target:
            spread_state(source, target, times)
    _renumber_moved(state, times)
    with contextlib.closing(Engine(address_of(url))) as engine:
        _spread_deliveries(engine, times)
        _wait_for_merges(engine)


def _spread_deliveries(engine: Engine, times: int) -> None:
    tables = Tables(engine)
    first, hashes = f"`{engine.database}`.benchmark_first", f"`{engine.database}`.benchmark_hashes"
    engine.change(f"RENAME TABLE {tables.deliveries} TO {first}")
    tables.make()
    columns = ", ".join(f"{name} {kind}" for name, kind in _HASHES.items())
    engine.change(f"CREATE TABLE {hashes} ({columns}) ENGINE = Memory")
    times_of = "count(), toUnixTimestamp64Nano(min(time)), toUnixTimestamp64Nano(max(time))"
    told = _copied(*engine.query(f"SELECT {times_of} FROM {first}")[0], times)  # noqa: S608
    values = ", ".join(f"{value} AS {name}" for name, value in told.items())
    for (day,) in engine.query(f"SELECT DISTINCT day FROM {first} ORDER BY day"):  # noqa: S608
        rows = engine.query(f"SELECT seq, event_id FROM {first} WHERE day = '{day}'", seconds=60)  # noqa: S608
        made = [
            [number for number, _ in rows],
            [[hashed(copied_event_id(one or None, copy)) or 0 for copy in range(times)] for _, one in rows],
        ]
        engine.insert("benchmark_hashes", _HASHES, made, f"benchmark-{day}")
        engine.change(
            f"INSERT INTO {tables.deliveries} ({', '.join(told)}) SELECT {values} FROM"  # noqa: S608
            f" (SELECT * FROM {first} WHERE day = '{day}') AS f ARRAY JOIN range({times}) AS copy"
            f" INNER JOIN {hashes} AS h ON f.seq = h.seq",
            **_LONG,
        )
        engine.change(f"TRUNCATE TABLE {hashes}")
        print(f"  {day} is copied", flush=True)
    for table in (first, hashes):
        engine.change(f"DROP TABLE {table}")


def _wait_for_merges(engine: Engine) -> None:
    """Until the engine has merged what it merges by itself, so that no page pays for it."""
    until = time.monotonic() + _MERGED_WITHIN
    while engine.query("SELECT count() FROM system.merges")[0][0] and time.monotonic() < until:
        time.sleep(1)


def _renumber_moved(state: Path, times: int) -> None:
    """Those whose problem was known only later. Their copies have none."""
    with contextlib.closing(sqlite3.connect(state)) as file:
        names = [column.name for column in metadata.tables["column_moved"].columns]
        rows = file.execute(f"SELECT {', '.join(names)} FROM column_moved").fetchall()  # noqa: S608
        file.execute("DELETE FROM column_moved")
        renumbered = [((seq - 1) * times + 1, *rest) for seq, *rest in rows]
        marks = ", ".join("?" * len(names))
        file.executemany(f"INSERT INTO column_moved ({', '.join(names)}) VALUES ({marks})", renumbered)  # noqa: S608
        file.commit()


def _copied(count: int, since: int, until: int, times: int) -> dict[str, str]:
    """What the columns of a copy hold."""
    whole, gap = until - since, (until - since) // count
    at = f"(toUnixTimestamp64Nano(f.time) - {since} + copy * {_FURTHER * gap + gap // times}) % {whole} + {since}"
    later = f"({at} - toUnixTimestamp64Nano(f.time))"
    arrived = f"fromUnixTimestamp64Nano(toUnixTimestamp64Nano(f.arrived) + {later}, 'UTC')"
    told = {name: f"f.{name}" for name in DELIVERIES}
    event_id = (
        "concat(substring(f.event_id, 1, length(f.event_id) - 3), 'x', leftPad(toString(copy), 2, '0'))"
    )
    key = f"concat(char(0), SHA256({event_id}))"
    event_id = f"if(copy = 0 OR f.event_id = '', f.event_id, {event_id})"
    return told | {
        "day": f"toDate({arrived})",
        "time": f"fromUnixTimestamp64Nano({at}, 'UTC')",
        "seq": f"(f.seq - 1 + copy * {_FURTHER}) % {count} * {times} + copy + 1",
        "id": "if(copy = 0, f.id, toFixedString(MD5(concat(f.id, toString(copy))), 16))",
        "trace_head": "if(copy = 0, f.trace_head, substring(MD5(concat(f.trace_head, toString(copy))), 1, 8))",
        "arrived": arrived,
        "event_id": event_id,
        "event_hash": "h.hashes[copy + 1]",
        "idempotency_key": f"if(copy = 0 OR f.idempotency_key = '', f.idempotency_key, {key})",
    }
