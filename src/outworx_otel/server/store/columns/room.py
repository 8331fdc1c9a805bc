"""Removes rows of the columns: whole partitions of what is old, a part of one where that would be too much."""

from __future__ import annotations

from typing import Final

from outworx_otel.server.store.columns.engine import Engine
from outworx_otel.server.store.columns.tables import Tables
from outworx_otel.server.store.removal import SHARE_OF_SPANS, SHARE_OF_UNPROVED

_LEAST_AT_ONCE: Final = 0.05
"""Of the room: a partition is written anew without what goes, and not for little."""

_SYNC: Final = {"mutations_sync": 2}


def drop_arrived(engine: Engine, tables: Tables, until_delivery: int, until_span: int) -> int:
    """Removes the partitions of which everything arrived up to these numbers. Returns how many."""
    removed = 0
    for table, columns, until in (
        (tables.deliveries, "day, proved", until_delivery),
        (tables.spans, "day", until_span),
    ):
        query = f"SELECT {columns}, max(seq) AS last FROM {table} GROUP BY {columns} HAVING last <= {until}"
        for *partition, _ in engine.query(query, seconds=60):
            named = ", ".join(f"'{one}'" for one in partition)
            _drop(engine, tables, table, f"({named})" if len(partition) > 1 else named)
            removed += 1
    return removed


def make_room(engine: Engine, tables: Tables, max_bytes: int) -> int:
    """Removes some where there is more than `max_bytes`, what was never proved genuine first. Returns how many."""
    sizes = tables.sizes()
    spans = {key: size for key, size in sizes.items() if key[0] == tables.spans}
    over = sum(spans.values()) - int(max_bytes * SHARE_OF_SPANS)
    removed = _shrink(engine, tables, spans, over, max_bytes)
    deliveries = {key: size for key, size in sizes.items() if key[0] == tables.deliveries}
    over = sum(sizes.values()) - max_bytes
    if over > 0:
        # The second half of such a partition's name says whether its deliveries were proved.
        unproved = {key: size for key, size in deliveries.items() if key[1].endswith(",0)")}
        beyond_its_share = sum(unproved.values()) - int(max_bytes * SHARE_OF_UNPROVED)
        if beyond_its_share > 0:
            deliveries, over = unproved, min(over, beyond_its_share)
        removed += _shrink(engine, tables, deliveries, over, max_bytes)
    return removed


def _shrink(
    engine: Engine, tables: Tables, partitions: dict[tuple[str, str], int], over: int, max_bytes: int
) -> int:
    """Removes what arrived first."""
    removed = 0
    for (table, partition), size in sorted(partitions.items(), key=lambda one: one[0][1]):
        if over <= 0:
            break
        amount = max(over, int(max_bytes * _LEAST_AT_ONCE))
        if size <= amount:
            _drop(engine, tables, table, partition)
            over -= size
        else:
            _thin(engine, tables, table, partition, amount / size)
            over = 0
        removed += 1
    return removed


def delete(engine: Engine, tables: Tables, table: str, condition: str) -> None:
    """Removes rows. Their bytes stay on the disk until `overwrite`, or until parts are merged."""
    local = tables.local[table]
    engine.change(f"DELETE FROM {local}{tables.everywhere} WHERE {condition}", lightweight_deletes_sync=2)


def overwrite(engine: Engine, tables: Tables) -> None:
    """Writes parts anew without the rows that were removed."""
    for table in (tables.deliveries, tables.spans):
        engine.change(f"ALTER TABLE {tables.local[table]}{tables.everywhere} APPLY DELETED MASK", **_SYNC)


def _drop(engine: Engine, tables: Tables, table: str, partition: str) -> None:
    engine.change(f"ALTER TABLE {tables.local[table]}{tables.everywhere} DROP PARTITION {partition}")


def _thin(engine: Engine, tables: Tables, table: str, partition: str, part: float) -> None:
    """Removes the first part of a partition's rows, and writes it anew."""
    columns = "(day, proved)" if table == tables.deliveries else "day"
    within = f"{columns} = {partition}"
    query = f"SELECT toUInt64(quantile({min(part, 1.0)})(seq)) FROM {table} WHERE {within}"
    until = engine.query(query, seconds=60)[0][0]
    delete(engine, tables, table, f"{within} AND seq <= {until}")
    local = tables.local[table]
    engine.change(
        f"ALTER TABLE {local}{tables.everywhere} APPLY DELETED MASK IN PARTITION {partition}", **_SYNC
    )
