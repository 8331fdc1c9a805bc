"""What the state keeps for a history in columns, beside everybody's tables.

Columns are not rewritten. A delivery whose problem is known only after it was written (its deferred work failed; four
like it had come before) has a row in `column_moved`. A batch that is on its way into the columns has one in
`column_batches`: if its process is killed before the batch is counted, whoever writes next takes it out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    delete,
    insert,
    select,
)

from outworx_otel.server.store.columns import conditions as c
from outworx_otel.server.store.database import Database
from outworx_otel.server.store.places import PageStart

MOST_MOVED: Final = 10_000
"""Deliveries of one problem that are found by this table, the newest."""

metadata: Final = MetaData()
_number: Final = BigInteger().with_variant(Integer, "sqlite")

batches: Final = Table(
    "column_batches",
    metadata,
    # The process that writes it.
    Column("holder", Text, primary_key=True),
    # Numbers that were given to deliveries and spans that are not counted: from, to.
    *(
        Column(name, BigInteger, nullable=False)
        for name in ("first_delivery", "last_delivery", "first_span", "last_span")
    ),
)
_moved: Final = Table(
    "column_moved",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=False),
    Column("time_ns", BigInteger, nullable=False),
    # The problem that it belongs to, and the one that its row names; 0 is none.
    Column("problem", Integer, nullable=False),
    Column("written", Integer, nullable=False),
)
Index("column_moved_problem", _moved.c.problem, _moved.c.time_ns)
Index("column_moved_written", _moved.c.written)


class Moved:
    """Which problems were given to deliveries after they were written."""

    def __init__(self, state: Database) -> None:
        self._state = state

    def of_problem(self, problem: int) -> str:
        """The condition of what belongs to a problem."""
        m = _moved.c
        with self._state.read() as connection:
            newest = select(m.seq).where(m.problem == problem).order_by(m.time_ns.desc()).limit(MOST_MOVED)
            there = list(connection.execute(newest).scalars())
            away = select(m.seq).where(m.written == problem, m.problem != problem).limit(MOST_MOVED)
            gone = list(connection.execute(away).scalars())
        found = c.has_any("n", [str(problem)])
        if gone:
            found = f"{found} AND seq NOT IN {c.among(gone)}"
        return f"({found}) OR seq IN {c.among(there)}" if there else found

    def problems(self, connection: Connection, seqs: Sequence[int]) -> dict[int, int]:
        """The problems of those of these deliveries that have another than their rows name."""
        found: dict[int, int] = {}
        for start in range(0, len(seqs), 500):
            query = select(_moved.c.seq, _moved.c.problem).where(_moved.c.seq.in_(seqs[start : start + 500]))
            found.update((row.seq, row.problem) for row in connection.execute(query))
        return found

    def move(self, connection: Connection, place: PageStart, problem: int, written: int) -> None:
        """A delivery belongs to another problem from now on."""
        connection.execute(delete(_moved).where(_moved.c.seq == place.seq))
        row = {"seq": place.seq, "time_ns": place.time_ns, "problem": problem, "written": written}
        connection.execute(insert(_moved), row)

    def forget(self, connection: Connection, seqs: Sequence[int]) -> None:
        """These deliveries are removed."""
        connection.execute(delete(_moved).where(_moved.c.seq.in_(seqs)))

    def forget_arrived(self, connection: Connection, until: int) -> None:
        """What arrived up to this number is removed."""
        connection.execute(delete(_moved).where(_moved.c.seq <= until))
