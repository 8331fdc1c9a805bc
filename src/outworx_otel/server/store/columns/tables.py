"""The tables in ClickHouse, and what their columns hold."""

from __future__ import annotations

import secrets
from typing import Any, Final

from outworx_otel.server.fields import FACETED
from outworx_otel.server.store.columns.engine import WRITE_SECONDS, Engine
from outworx_otel.server.store.store_errors import StoreUnavailable

SCHEMA: Final = 1
"""Of the tables; a change that an older release could not read or write needs another."""

TIME: Final = "DateTime64(9, 'UTC')"
"""A number that is given to it counts as nanoseconds, which is what we have."""

LETTERS: Final = {
    "provider": "p",
    "route": "r",
    "service": "s",
    "environment": "v",
    "outcome": "o",
    "reason": "e",
    "cause": "c",
    "idempotency": "k",
    "event_type": "t",
}
"""What a word of the index on `WORDS_OF_FACETS` begins with, by the column that it is of."""

_JOINED: Final = [f"concat('{letter}=', {name})" for name, letter in LETTERS.items()]
WORDS_OF_FACETS: Final = (
    f"[{', '.join(_JOINED)}, concat('n=', toString(problem)), concat('u=', toString(signature)),"
    " concat('h=', substring(concat(id_text, lower(hex(id))), 1, 4)),"
    " concat('b=', toString(keeps_body))]"
)
"""All that filters ask for, and the first four characters of the id: one index finds each of them, and all together.
A query says it in the same words. (The optimizer rewrites `id_text = ''`: that would find no index.)"""

_TEXT: Final = "LowCardinality(String)"
# Numbers that rise or repeat are kept as their differences; what is random gains nothing by compression.
_RISING: Final = "CODEC(Delta, ZSTD(1))"
_PACKED: Final = "CODEC(ZSTD(1))"

DELIVERIES: Final[dict[str, str]] = {
    "day": "Date",
    "proved": "UInt8",
    "time": TIME,
    "seq": "UInt64",
    # The id's 16 bytes; of one that is no 32 hexadecimal digits a hash of `id_text`.
    "id": "FixedString(16)",
    "id_text": "String",
    # The first half of the trace's id. The second half and the span's id are the delivery's own id.
    "trace_head": "String",
    "duration": "Int64",
    "arrived": TIME,
    **dict.fromkeys(FACETED, _TEXT),
    "event_type": _TEXT,
    "event_id": "String",
    "event_hash": "UInt64",
    "idempotency_key": "String",
    "method": _TEXT,
    "path": _TEXT,
    "status": "Int64",
    # 0 is false, 1 true, 2 not looked at.
    "signature": "UInt8",
    "processing": _TEXT,
    "failure": "String",
    "exception_type": _TEXT,
    "code_function": _TEXT,
    "code_file": _TEXT,
    "body_size": "Int64",
    # The problem that it belonged to when it was written; 0 is none.
    "problem": "UInt32",
    "keeps_body": "UInt8",
    # In lower case, the texts that a search looks for which no facet tells.
    "words": "String",
    # All of it, without what some columns have (`details`).
    "detail": "String",
}
"""The columns, in the order in which rows are written."""

SPANS: Final[dict[str, str]] = {
    "day": "Date",
    "seq": "UInt64",
    "trace_id": "String",
    "span_id": "String",
    "time": TIME,
    # Trace and span id of the delivery that a `process` span belongs to; empty is none.
    "delivery": "String",
    "detail": "String",
}

_CODECS: Final = {
    **dict.fromkeys(("time", "seq", "arrived"), _RISING),
    **dict.fromkeys(("duration", "status", "body_size"), "CODEC(T64, ZSTD(1))"),
    **dict.fromkeys(("event_id", "failure", "words", "id_text"), _PACKED),
    **dict.fromkeys(("id", "trace_head", "idempotency_key", "event_hash"), _PACKED),
    "detail": "CODEC(ZSTD(3))",
}
_SMALL: Final = "posting_list_codec = 'bitpacking'"
_OF_DELIVERIES: Final = (
    "INDEX arrival seq TYPE minmax GRANULARITY 8",
    "INDEX events event_hash TYPE bloom_filter(0.01) GRANULARITY 8",
    "INDEX keys idempotency_key TYPE bloom_filter(0.01) GRANULARITY 8",
    f"INDEX facets {WORDS_OF_FACETS} TYPE text(tokenizer = 'array', {_SMALL}) GRANULARITY 100000000",
    f"INDEX texts words TYPE text(tokenizer = ngrams(3), {_SMALL}) GRANULARITY 100000000",
)
_OF_SPANS: Final = (
    "INDEX arrival seq TYPE minmax GRANULARITY 1",
    "INDEX deliveries delivery TYPE bloom_filter(0.01) GRANULARITY 1",
)
# A delivery is read out of a granule, and that out of blocks: small ones. Statistics of columns, which no query of
# ours needs, would be a megabyte of each part. What is acknowledged is on the disk. What was removed does not lie
# there for the usual eight minutes. A retry of the client's own is known by its token.
_SETTINGS: Final = {
    "index_granularity_bytes": 256 * 1024,
    "min_compress_block_size": 16 * 1024,
    "auto_statistics_types": "''",
    "ttl_only_drop_parts": 1,
    "fsync_after_insert": 1,
    "fsync_part_directory": 1,
    "old_parts_lifetime": 60,
}
_OWN: Final = "outworx-otel"


class Tables:
    """The tables' names: those that are read and written, and those whose rows are removed."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.deliveries = f"`{engine.database}`.outworx_deliveries"
        self.spans = f"`{engine.database}`.outworx_spans"
        spread = engine.cluster is not None
        self.local = {name: f"{name}_local" if spread else name for name in (self.deliveries, self.spans)}
        self.everywhere = f" ON CLUSTER '{engine.cluster}'" if spread else ""

    def make(self) -> None:
        """Makes those that are not there.

        Raises:
            StoreUnavailable: it does not answer, or this user may not.
        """
        if self._engine.is_in_process:
            self._engine.change(f"CREATE DATABASE IF NOT EXISTS {self._engine.database}{self.everywhere}")
        for table, columns, indices, order, shard in (
            (self.deliveries, DELIVERIES, _OF_DELIVERIES, "(time, seq)", "cityHash64(id)"),
            (self.spans, SPANS, _OF_SPANS, "(trace_id, span_id)", "cityHash64(trace_id)"),
        ):
            for statement in self._statements(table, columns, indices, order, shard):
                self._engine.change(statement)

    def _statements(
        self, table: str, columns: dict[str, str], indices: tuple[str, ...], order: str, shard: str
    ) -> list[str]:
        lines = [f"{name} {kind} {_CODECS.get(name, '')}".strip() for name, kind in columns.items()]
        partition = "(day, proved)" if "proved" in columns else "day"
        engine, settings = "MergeTree", dict[str, Any](_SETTINGS)
        if self.everywhere:
            path = f"/clickhouse/tables/{{shard}}/{{database}}/{table.partition('.')[2]}"
            engine = f"ReplicatedMergeTree('{path}', '{{replica}}')"
        else:
            settings["non_replicated_deduplication_window"] = 100
        made = [
            f"CREATE TABLE IF NOT EXISTS {self.local[table]}{self.everywhere} ({', '.join((*lines, *indices))})"
            f" ENGINE = {engine} PARTITION BY {partition} ORDER BY {order}"
            f" SETTINGS {', '.join(f'{name} = {value}' for name, value in settings.items())}"
            f" COMMENT '{_OWN} {SCHEMA}'"
        ]
        if self.everywhere:
            local = self.local[table].partition(".")[2]
            made.append(
                f"CREATE TABLE IF NOT EXISTS {table}{self.everywhere} AS {self.local[table]} ENGINE ="
                f" Distributed('{self._engine.cluster}', '{self._engine.database}', '{local}', {shard})"
            )
        return made

    def claim(self, state: str) -> None:
        """Sees to it that the rows belong to one state: two would give the same numbers to different deliveries.

        Args:
            state: the name of ours.

        Raises:
            StoreUnavailable: they belong to another one, or are of a newer release.
        """
        local = self.local[self.deliveries]
        name = local.partition(".")[2]
        query = f"SELECT comment FROM system.tables WHERE database = '{self._engine.database}' AND name = '{name}'"
        own, schema, of_state = (*str(self._engine.query(query)[0][0]).split(), "", "", "")[:3]
        if own == _OWN and schema.isdecimal() and int(schema) > SCHEMA:
            raise StoreUnavailable(
                f"database {self._engine.shown}: it is of a newer release of outworx-otel (tables {schema}, this one"
                f" knows {SCHEMA}): upgrade, or give another --database"
            )
        if of_state and of_state != state:
            raise StoreUnavailable(
                f"database {self._engine.shown}: its deliveries are counted in another --state than this one: give"
                f" that one again. If it is lost, run on the server: ALTER TABLE {local} MODIFY COMMENT"
                f" '{_OWN} {SCHEMA}'"
            )
        if not of_state:
            self._engine.change(
                f"ALTER TABLE {local}{self.everywhere} MODIFY COMMENT '{_OWN} {SCHEMA} {state}'"
            )

    def sizes(self) -> dict[tuple[str, str], int]:
        """Bytes on the disk of each partition that has rows: by table and partition, as a statement names it."""
        names = {self.local[table].partition(".")[2]: table for table in (self.deliveries, self.spans)}
        # Of a cluster one replica of each shard.
        parts = "system.parts" if not self.everywhere else f"cluster('{self._engine.cluster}', system.parts)"
        query = (
            f"SELECT table, partition, sum(bytes_on_disk) FROM {parts} WHERE active AND rows > 0"
            f" AND database = '{self._engine.database}' AND table IN {tuple(names)} GROUP BY table, partition"
        )
        rows = self._engine.query(query, seconds=WRITE_SECONDS)
        # A single value stands there without its quotes.
        return {
            (names[table], partition if partition.startswith("(") else f"'{partition}'"): size
            for table, partition, size in rows
        }


def new_state() -> str:
    """A name for a state."""
    return secrets.token_hex(8)
