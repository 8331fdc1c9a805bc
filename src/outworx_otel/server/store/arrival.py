"""The order of arrival, and marks of which number had arrived at which age of the store."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Row, Table, delete, func, insert, select

from outworx_otel.server.store.history import HistoryWriter
from outworx_otel.server.store.schema import marks


def last_number(connection: Connection, table: Table) -> int:
    """The number of the last that arrived, also where it has been removed: no number is given twice."""
    there = select(func.coalesce(func.max(table.c.seq), 0)).scalar_subquery()
    marked = select(func.coalesce(func.max(marks.c[table.name]), 0)).scalar_subquery()
    return max(map(int, connection.execute(select(there, marked)).one()))


def mark(connection: Connection, history: HistoryWriter, age: int, now: int, every: float) -> None:
    """Makes a mark, unless the last one is younger than `every` seconds."""
    last = connection.execute(select(func.max(marks.c.age))).scalar_one()
    if last is None or age - last >= max(every, 1):
        numbers = {"deliveries": history.last_delivery(), "spans": history.last_span()}
        connection.execute(insert(marks), {"age": age, "wall": now, **numbers})


def mark_before(connection: Connection, age: float) -> Row[Any] | None:
    """The last mark that was made at that age or before."""
    query = select(marks).where(marks.c.age <= int(age)).order_by(marks.c.age.desc()).limit(1)
    return connection.execute(query).one_or_none()


def forget_marks(connection: Connection, before: int) -> None:
    """Removes the marks that were made before an age."""
    connection.execute(delete(marks).where(marks.c.age < before))
