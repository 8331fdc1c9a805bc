"""The tables. A change needs a migration beside it (`migrations/versions`) and its number in `HEAD`."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
    true,
)

from outworx_otel.server.fields import BY_NAME, FACETED, IN_ROW, Field, Kind

HEAD: Final = "0010"
VERSION_TABLE: Final = "outworx_schema"

LEVELS: Final = (300, 3600, 86_400)
"""Seconds that a slot of the figures lasts, each a multiple of the one before."""

metadata: Final = MetaData()

# SQLite's row id is the integer primary key only where it is called INTEGER.
_number: Final = BigInteger().with_variant(Integer, "sqlite")
# In the order of bytes, as SQLite has it, whatever the language of PostgreSQL: a beginning is then a range.
_text_by_bytes: Final = Text().with_variant(Text(collation="C"), "postgresql")


_TYPES: Final[dict[Kind, Any]] = {
    "text": Text(),
    "flag": Boolean(create_constraint=False),
    "whole": BigInteger(),
    "time": BigInteger(),
    "seconds": BigInteger(),
}


# In PostgreSQL, by day of arrival: see `partitions`.
_in_parts: Final[dict[str, Any]] = {"postgresql_partition_by": "RANGE (seq)"}


def _column(field: Field) -> Column[Any]:
    kept_as = _text_by_bytes if field.name == "id" else _TYPES[field.kind]
    return Column(field.name, kept_as, nullable=not field.always)


def _where(condition: Any) -> dict[str, Any]:
    return {"sqlite_where": condition, "postgresql_where": condition}


deliveries: Final = Table(
    "deliveries",
    metadata,
    # The order of arrival; given by the writer, which is alone in its transaction.
    Column("seq", _number, primary_key=True, autoincrement=False),
    # All that is faceted.
    Column("facet", Integer, nullable=False),
    *(_column(BY_NAME[name]) for name in IN_ROW),
    # 48 bits of a hash: an index a third as large.
    Column("event_hash", BigInteger),
    Column("key_hash", BigInteger),
    # The problem that it belongs to.
    Column("problem", Integer),
    **_in_parts,
)
# PostgreSQL has it in each part, see `partitions`.
Index("deliveries_id", deliveries.c.id, unique=True).ddl_if(dialect="sqlite")
# Each in the order of pages, so that a page is read off an index wherever it begins.
Index("deliveries_newest", deliveries.c.time_ns, deliveries.c.seq)
Index("deliveries_facet", deliveries.c.facet, deliveries.c.time_ns, deliveries.c.seq)
Index(
    "deliveries_event_type",
    *(deliveries.c.event_type, deliveries.c.facet, deliveries.c.time_ns, deliveries.c.seq),
    **_where(deliveries.c.event_type.is_not(None)),
)
Index(
    "deliveries_event",
    *(deliveries.c.event_hash, deliveries.c.time_ns, deliveries.c.seq),
    **_where(deliveries.c.event_hash.is_not(None)),
)
Index(
    "deliveries_key",
    *(deliveries.c.key_hash, deliveries.c.time_ns, deliveries.c.seq),
    **_where(deliveries.c.key_hash.is_not(None)),
)
Index(
    "deliveries_problem",
    *(deliveries.c.problem, deliveries.c.time_ns, deliveries.c.seq),
    **_where(deliveries.c.problem.is_not(None)),
)
# What no signature proved to be the provider's; anyone may have sent it.
unproved: Final = deliveries.c.signature_valid.is_not(true())
Index("deliveries_unproved", deliveries.c.seq, **_where(unproved))

# All of each delivery, packed: lists stay narrow without it.
details: Final = Table(
    "details",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=False),
    Column("detail", LargeBinary, nullable=False),
    **_in_parts,
)

# The combinations that occur: what filters ask for and figures are kept by. Empty is none.
facets: Final = Table(
    "facets",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    # The first facet of the same provider, route, service and environment.
    Column("endpoint", Integer, nullable=False),
    # It stands for all that were too many.
    Column("overflow", Boolean(create_constraint=False), nullable=False),
    *(Column(name, Text, nullable=False) for name in FACETED),
)

# Figures, by 5 minutes, hours and days: `level` is the slot's length and `slot` its beginning, in seconds.
rollups: Final = Table(
    "rollups",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("facet", Integer, primary_key=True, autoincrement=False),
    Column("deliveries", BigInteger, nullable=False),
    Column("counted", Double, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# How long deliveries took, by the logarithm of their durations.
durations: Final = Table(
    "durations",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("endpoint", Integer, primary_key=True, autoincrement=False),
    Column("bucket", SmallInteger, primary_key=True, autoincrement=False),
    Column("deliveries", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

event_types: Final = Table(
    "event_types",
    metadata,
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("event_type", Text, primary_key=True),
    Column("deliveries", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# The spans that are no deliveries.
spans: Final = Table(
    "spans",
    metadata,
    Column("seq", _number, primary_key=True, autoincrement=False),
    Column("trace_id", Text, nullable=False),
    Column("span_id", Text, nullable=False),
    Column("time_ns", BigInteger, nullable=False),
    # Trace and span id of the delivery that a `process` span belongs to.
    Column("delivery", Text),
    Column("detail", LargeBinary, nullable=False),
    **_in_parts,
)
Index("spans_trace", spans.c.trace_id, spans.c.span_id, unique=True).ddl_if(dialect="sqlite")
Index("spans_delivery", spans.c.delivery, **_where(spans.c.delivery.is_not(None)))

# The last delivery and span that had arrived at an age of the store, and the clock's time then (seconds).
marks: Final = Table(
    "marks",
    metadata,
    Column("age", _number, primary_key=True, autoincrement=False),
    Column("wall", BigInteger, nullable=False),
    Column("deliveries", BigInteger, nullable=False),
    Column("spans", BigInteger, nullable=False),
)

# Numbers that would be slow to count.
tallies: Final = Table(
    "tallies",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

# Each service, environment, provider and route that takes deliveries, and how it does at present. Empty is none.
endpoints: Final = Table(
    "endpoints",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    *(Column(name, Text, nullable=False) for name in ("service", "environment", "provider", "route")),
    Column("first_ns", BigInteger, nullable=False),
    # The last of what its provider sent, as far as that can be told from a stranger's.
    Column("seen_ns", BigInteger, nullable=False),
    # The last good one, and the last whose signature was valid; 0 is never.
    Column("good_ns", BigInteger, nullable=False),
    Column("verified_ns", BigInteger, nullable=False),
    # The last that ran without a verified signature, and how many have since one was verified.
    Column("unverified_ns", BigInteger, nullable=False),
    Column("unverified", BigInteger, nullable=False),
    # Failures at the end, and the first of them; good ones at the end; how many streaks have ended.
    Column("streak", BigInteger, nullable=False),
    Column("streak_ns", BigInteger, nullable=False),
    Column("good_row", BigInteger, nullable=False),
    Column("round", BigInteger, nullable=False),
    # Well-formed deliveries at the end whose signature did not fit.
    Column("mismatches", BigInteger, nullable=False),
    # What is usual, packed, and when it was learnt; 0 is never.
    Column("rhythm", LargeBinary),
    Column("learnt_ns", BigInteger, nullable=False),
    # Since when it is silent, and when the last silence ended.
    Column("silent_ns", BigInteger),
    Column("heard_ns", BigInteger, nullable=False),
    # By what its genuine deliveries are proved, packed.
    Column("proof", LargeBinary),
)

# How many of each endpoint's deliveries came, and what they count for; slots as in `rollups`.
endpoint_figures: Final = Table(
    "endpoint_figures",
    metadata,
    Column("level", Integer, primary_key=True, autoincrement=False),
    Column("slot", BigInteger, primary_key=True, autoincrement=False),
    Column("endpoint", Integer, primary_key=True, autoincrement=False),
    # What strangers can send as well is none of these.
    Column("arrived", BigInteger, nullable=False),
    Column("good", BigInteger, nullable=False),
    Column("bad", BigInteger, nullable=False),
    # Of the good ones, those that ran without the idempotency key that they should have had.
    Column("unprotected", BigInteger, nullable=False),
    # Those that ran without a verified signature.
    Column("unverified", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What goes wrong in one way at one place. Times are Unix nanoseconds, empty is none.
problems: Final = Table(
    "problems",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("endpoint", Integer, nullable=False),
    # It stands for all that were too many.
    Column("overflow", Boolean(create_constraint=False), nullable=False),
    *(
        Column(name, Text, nullable=False)
        for name in (
            *("service", "environment", "provider", "route", "outcome", "reason", "cause", "exception_type"),
            *("code_function", "code_file", "version", "message", "last_delivery"),
        )
    ),
    # open, acknowledged, resolved or ignored; since when, and how often it came again.
    Column("state", Text, nullable=False),
    Column("state_ns", BigInteger, nullable=False),
    Column("reopened", Integer, nullable=False),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("deliveries", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    # Of the endpoint's streak, which is another one where its `round` is another.
    Column("streak", BigInteger, nullable=False),
    Column("round", BigInteger, nullable=False),
)
Index("problems_last", problems.c.last_ns, problems.c.id)
Index("problems_endpoint", problems.c.endpoint)

# Events that were not handled at once, or came more than once.
events: Final = Table(
    "events",
    metadata,
    # Of service, environment, provider and event id; of a delivery's id where there is none.
    Column("hash", _number, primary_key=True, autoincrement=False),
    Column("endpoint", Integer, nullable=False),
    Column("event_id", Text),
    Column("first_ns", BigInteger, nullable=False),
    Column("last_ns", BigInteger, nullable=False),
    Column("handled_ns", BigInteger),
    # Deliveries; those that ended well, at the endpoint where the first one did.
    Column("deliveries", BigInteger, nullable=False),
    Column("runs", BigInteger, nullable=False),
    Column("ran_at", Integer),
    Column("outcome", Text, nullable=False),
    Column("problem", Integer),
)
Index("events_handled", events.c.first_ns, **_where(events.c.handled_ns.is_not(None)))
# With `handled_ns`, though it is always the same: SQLite looks into the table for a column that a query names.
_unhandled: Final = _where(events.c.handled_ns.is_(None))
Index(
    "events_unhandled",
    *(events.c[n] for n in ("endpoint", "first_ns", "problem", "handled_ns")),
    **_unhandled,
)
Index(
    "events_problem",
    *(events.c[n] for n in ("problem", "outcome", "first_ns", "handled_ns")),
    **_unhandled,
)
# In words, so that every database sees that a query asks for what the index has.
told_more_than_once: Final = text("(events.deliveries > 1 OR events.runs > 1)")
Index(
    "events_again",
    *(events.c.first_ns, events.c.endpoint, events.c.deliveries, events.c.runs),
    **_where(text("deliveries > 1 OR runs > 1")),
)

# How far a service's clock is ahead (behind: less than 0), and since when it is known to be.
clocks: Final = Table(
    "clocks",
    metadata,
    Column("service", Text, primary_key=True),
    Column("environment", Text, primary_key=True),
    Column("offset_ns", BigInteger, nullable=False),
    Column("since_ns", BigInteger, nullable=False),
    Column("seen_ns", BigInteger, nullable=False),
    # Deliveries at the end that were signed later than they came.
    Column("signed_later", Integer, nullable=False),
)

# See `server.problems.alert.Alert`, whose fields these are.
alerts: Final = Table(
    "alerts",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    *(Column(name, Text, nullable=False) for name in ("rule", "state", "subject", "headline", "what")),
    *(Column(name, Text, nullable=False) for name in ("place", "advice")),
    *(Column(name, Text, nullable=False) for name in ("service", "environment", "provider", "route")),
    Column("problem_id", Integer),
    Column("since_ns", BigInteger, nullable=False),
    Column("count", BigInteger, nullable=False),
    # How many there were when it was last told.
    Column("told", BigInteger, nullable=False),
    Column("raised_ns", BigInteger, nullable=False),
    Column("changed_ns", BigInteger, nullable=False),
    Column("ended_ns", BigInteger),
    Column("notices", Integer, nullable=False),
)
# One of a subject at a time.
Index("alerts_raised", alerts.c.subject, unique=True, **_where(alerts.c.ended_ns.is_(None)))
Index("alerts_changed", alerts.c.changed_ns)

# Work that one server does for all that share the database.
leases: Final = Table(
    "leases",
    metadata,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
)

# How far each channel has told of each alert. A row comes with the first try.
alert_sendings: Final = Table(
    "alert_sendings",
    metadata,
    Column("alert", Integer, primary_key=True, autoincrement=False),
    Column("channel", Text, primary_key=True),
    # How many of the alert's notices were sent, and which one is being sent.
    Column("told", Integer, nullable=False),
    Column("notice", Integer, nullable=False),
    # Of this notice, in vain; when the next one may be; why the last one was in vain.
    Column("attempts", Integer, nullable=False),
    Column("next_ns", BigInteger, nullable=False),
    Column("error", Text, nullable=False),
    # Who is sending it, until when nobody else may; empty and 0 where nobody is.
    Column("holder", Text, nullable=False),
    Column("until_ns", BigInteger, nullable=False),
    Column("sent_ns", BigInteger),
)
