"""Many rows in one statement.

The driver lets go of the interpreter's lock for each statement, and a busy event loop gives it back 5 ms later: a
statement for each row would bring 200 rows a second. SQLAlchemy compiles such a statement anew each time (10 ms for a
hundred rows), hence text.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import chain
from typing import Any, Final

from sqlalchemy import Boolean, Connection, Table

# With 60 columns still fewer values than SQLite (32,766) and PostgreSQL (65,535) take.
_AT_ONCE: Final = 512
_SELECTED_AT_ONCE: Final = 500
_SQLITE_MARK: Final = "?"
# It keeps flags as numbers, and its driver looks for an adapter of whatever else it is given: a microsecond for each.
_AS_NUMBER: Final = {True: 1, False: 0}


def insert_rows(
    connection: Connection, mark: str, table: Table, rows: Sequence[Sequence[Any]], conflict: str = ""
) -> int:
    """Inserts rows in the order of the table's columns.

    Args:
        mark: the driver's place for a value.
        conflict: what follows `ON CONFLICT`.

    Returns:
        How many there are more, where the driver counts them.
    """
    inserted = start = 0
    while start < len(rows):
        # A power of two: each number of rows is a statement of its own, which the driver keeps.
        size = 1 << min(len(rows) - start, _AT_ONCE).bit_length() - 1
        columns = list(zip(*rows[start : start + size], strict=True))
        # What no row has is not bound: of the columns of a delivery that went well it is a third.
        used = tuple([place for place, column in enumerate(columns) if column.count(None) < size])
        if mark == _SQLITE_MARK:
            for place in _flags(table):
                columns[place] = tuple(map(_AS_NUMBER.get, columns[place]))
        values = tuple(chain.from_iterable(zip(*[columns[place] for place in used], strict=True)))
        inserted += connection.exec_driver_sql(_insert(table, used, size, mark, conflict), values).rowcount
        start += size
    return inserted


def select_among(connection: Connection, mark: str, query: str, values: Sequence[Any]) -> list[Any]:
    """Rows of a query whose `{}` stands for a list of values."""
    found: list[Any] = []
    for start in range(0, len(values), _SELECTED_AT_ONCE):
        part = tuple(values[start : start + _SELECTED_AT_ONCE])
        places = ", ".join([mark] * len(part))
        found += connection.exec_driver_sql(query.format(places), part).all()
    return found


def replaces(table: Table, key: str, keeps: Sequence[str] = ()) -> str:
    """What follows `ON CONFLICT` where a row that is there takes the new one's columns, but for those it keeps."""
    names = [column.name for column in table.columns if column.name not in (key, *keeps)]
    return f"({key}) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}"


@functools.lru_cache(maxsize=64)
def _flags(table: Table) -> list[int]:
    return [place for place, column in enumerate(table.columns) if isinstance(column.type, Boolean)]


@functools.lru_cache(maxsize=128)
def _insert(table: Table, used: tuple[int, ...], rows: int, mark: str, conflict: str) -> str:
    names = [column.name for column in table.columns]
    row = f"({', '.join([mark] * len(used))})"
    tail = f" ON CONFLICT {conflict}" if conflict else ""
    columns = ", ".join([names[place] for place in used])
    return f"INSERT INTO {table.name} ({columns}) VALUES {', '.join([row] * rows)}{tail}"  # noqa: S608
