"""The exporter's table: whether it is one, and statements over it. Each is read-only by its settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from outworx_otel.errors import ConfigurationError
from outworx_otel.server.collected.columns import Condition, named
from outworx_otel.server.collected.rows import SpanRow
from outworx_otel.server.collected.windows import Pace
from outworx_otel.server.store.columns.engine import READ_SECONDS
from outworx_otel.server.store.store_errors import StoreUnavailable


class Ask(Protocol):
    """Runs statements."""

    def __call__(
        self, statement: str, values: Mapping[str, Any], *, seconds: int = READ_SECONDS
    ) -> Sequence[Sequence[Any]]:
        """The rows of a SELECT with values for its parameters, for so many seconds; every text is bytes."""


_NEEDED: Final = {
    **dict.fromkeys(("TraceId", "SpanId", "ParentSpanId", "SpanName", "SpanKind", "ServiceName"), "String"),
    **dict.fromkeys(("ScopeName", "StatusCode", "StatusMessage"), "String"),
    **dict.fromkeys(("ResourceAttributes", "SpanAttributes"), "Map("),
    **dict.fromkeys(("Events.Attributes", "Links.Attributes"), "Array(Map("),
    **dict.fromkeys(("Events.Name", "Links.TraceId", "Links.SpanId"), "Array("),
    "Events.Timestamp": "Array(DateTime64(9",
    "Timestamp": "DateTime64(9",
    "Duration": "",
}
# The exporter's view of when each trace begins and ends.
_TRACES: Final = "_trace_id_ts"
_SECOND: Final = 10**9


class SpanTable:
    """One table. Its paces are those of pages that look into attributes, and of those that show whatever there is.

    Args:
        ask: runs a statement.
        name: the table's, in the database of the connection.

    Raises:
        ConfigurationError: it is no table of the exporter, or has a schema that is not read.
        StoreUnavailable: it is not there (yet).
    """

    def __init__(self, ask: Ask, name: str) -> None:
        self._ask = ask
        self._plain = name
        self._name = _quoted(name)
        self.pace = Pace(5_000, 40_000)
        self.plain_pace = Pace(2_000, 2_000)
        self._check()
        self._has_traces = bool(self._columns(name + _TRACES))

    def rows(
        self,
        select: str,
        condition: Condition,
        more: str = "",
        seconds: int = READ_SECONDS,
        around: Callable[[str], str] = lambda rows: rows,
    ) -> Sequence[Sequence[Any]]:
        """Those that fit, as `select` says what of them, in the order and number that `more` says.

        Args:
            around: makes a statement of the one that gives these rows.
        """
        statement = f"{select} FROM {self._name} WHERE {condition.sql} {more}"  # of our own columns
        return self._ask(around(named(statement)), condition.values, seconds=seconds)

    def of_trace(
        self, select: str, trace_id: str, condition: Condition, more: str = ""
    ) -> Sequence[Sequence[Any]]:
        """Those of a trace, which is looked up where it can be told when it was."""
        found = condition.also("TraceId = {trace_id:String}", trace_id=trace_id)
        if self._has_traces:
            view = _quoted(self._plain + _TRACES)
            ends = self._ask(
                f"SELECT toUnixTimestamp(min(Start)), toUnixTimestamp(max(End)), count() FROM {view}"  # noqa: S608
                " WHERE TraceId = {trace_id:String}",
                {"trace_id": trace_id},
            )
            # The view has what came since it was made.
            if ends and ends[0][2]:
                found = found.also(
                    "Timestamp >= fromUnixTimestamp64Nano({begun:Int64})"
                    " AND Timestamp < fromUnixTimestamp64Nano({ended:Int64})",
                    begun=int(ends[0][0]) * _SECOND,
                    ended=(int(ends[0][1]) + 1) * _SECOND,
                )
        return self.rows(select, found, more)

    def ends(self) -> tuple[int, int]:
        """When the first and the last span of all began, in Unix nanoseconds; the table knows it by its parts."""
        columns = "toUnixTimestamp64Nano(min(Timestamp)), toUnixTimestamp64Nano(max(Timestamp))"
        first, last = self._ask(f"SELECT {columns} FROM {self._name}", {})[0]  # noqa: S608  # its own name
        return int(first), int(last)

    def size(self) -> int:
        """Bytes that it takes on the disk."""
        statement = (
            "SELECT sum(bytes_on_disk) FROM system.parts WHERE active AND database = currentDatabase()"
            " AND table = {table:String}"
        )
        return int(self._ask(statement, {"table": self._plain})[0][0])

    @staticmethod
    def span(row: Sequence[Any]) -> SpanRow:
        """A row of `rows.WHOLE`."""
        return SpanRow(*row)

    def _check(self) -> None:
        found = self._columns(self._plain)
        if not found:
            raise StoreUnavailable(
                f"there is no table {self._plain!r} in this database: has the collector been started, and is it the"
                " `database` and the `traces_table_name` of its exporter?"
            )
        if found.get("SpanAttributes", "").startswith(("JSON", "Object(")):
            raise ConfigurationError(
                f"--database: the table {self._plain!r} has the schema of `json: true` of the collector's exporter,"
                " which is not read; the default one (`json: false`) is"
            )
        wrong = [name for name, type_ in _NEEDED.items() if type_ not in found.get(name, "missing")]
        if wrong:
            raise ConfigurationError(
                f"--database: {self._plain!r} is no table of the collector's ClickHouse exporter, or of another"
                f" version: not as expected is {', '.join(wrong)}"
            )

    def _columns(self, table: str) -> dict[str, str]:
        statement = (
            "SELECT name, type FROM system.columns"
            " WHERE database = currentDatabase() AND table = {table:String}"
        )
        return {name.decode(): type_.decode() for name, type_ in self._ask(statement, {"table": table})}


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
