"""The order of arrival, and marks of which number had arrived at which age of the store."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Row, Table, delete, func, insert, select, text

from outworx_otel.server.store.history import HistoryWriter
from outworx_otel.server.store.schema import marks

# Text: each transaction of the writer asks.
_LAST: Final = {
    table: text(f"SELECT coalesce(max(seq), 0), (SELECT coalesce(max({table}), 0) FROM marks) FROM {table}")  # noqa: S608
    for table in ("deliveries", "spans")
}


def last_number(connection: Connection, table: Table) -> int:
    """The number of the last that arrived, also where it has been removed: no number is given twice."""
    return max(map(int, connection.execute(_LAST[table.name]).one()))


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
