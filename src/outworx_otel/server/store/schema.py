"""The tables."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, MetaData, Table, Text

metadata: Final = MetaData()

deliveries: Final = Table(
    "deliveries",
    metadata,
    # The order of arrival.
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("time_ns", BigInteger, nullable=False),
    Column("duration_ns", BigInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text),
    Column("route", Text),
    Column("status", Integer),
    Column("event_type", Text),
    Column("event_id", Text),
    Column("signature_valid", Boolean),
    Column("reason", Text),
    Column("idempotency", Text),
    Column("idempotency_key", Text),
    Column("processing", Text),
    Column("cause", Text),
    Column("body_size", Integer),
    # The rest of `Delivery`, as msgpack.
    Column("detail", LargeBinary, nullable=False),
    Index("deliveries_newest", "time_ns", "seq"),
)
