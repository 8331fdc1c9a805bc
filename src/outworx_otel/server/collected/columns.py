"""What the fields of a delivery are in the exporter's table, as SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from outworx_otel.server.collected.not_kept import NotOfTheTable
from outworx_otel.server.fields import ENVIRONMENT
from outworx_otel.server.model import NOT_CALLED, RAN, Filter
from outworx_otel.telemetry import semconv
from outworx_otel.telemetry.outcomes import OUTCOMES


def _attribute(name: str) -> str:
    """A span's attribute; empty where it is missing."""
    # Names and values are read once for all that is looked up in them: `SpanAttributes['...']` reads both each time.
    return f"attribute_values[indexOf(attribute_names, '{name}')]"


def _indexed(name: str) -> str:
    """The same as the table's indexes of attributes know it."""
    return f"SpanAttributes['{name}']"


def _resource(name: str) -> str:
    return f"resource_values[indexOf(resource_names, '{name}')]"


def _any(*texts: str) -> str:
    return ", ".join(f"'{text}'" for text in texts)


OURS: Final = f"ScopeName = '{semconv.SCOPE}'"
IS_DELIVERY: Final = f"SpanName LIKE 'webhook %' AND {OURS}"
IS_WORK: Final = f"SpanName = 'process' AND {OURS}"
"""Deferred work, which belongs to a delivery by its link."""
IS_EITHER: Final = f"(SpanName LIKE 'webhook %' OR SpanName = 'process') AND {OURS}"

TIME: Final = "toUnixTimestamp64Nano(Timestamp)"
NUMBER: Final = "toInt64(intDiv(sipHash64(TraceId, SpanId), 2))"
"""What tells deliveries of one nanosecond apart, and puts them in an order."""

DURING: Final = (
    "Timestamp >= fromUnixTimestamp64Nano({since:Int64})"
    " AND Timestamp < fromUnixTimestamp64Nano({until:Int64})"
)
"""From `since` (included) to `until` (not), in Unix nanoseconds; only what may be of that time is read."""

_VALID, _REASON = _attribute(semconv.SIGNATURE_VALID), _attribute(semconv.SIGNATURE_REASON)
_ERROR, _MARK = _attribute(semconv.ERROR_TYPE), _attribute(semconv.PROCESSING_STATUS)
_STATUS = _attribute(semconv.HTTP_STATUS)
_KEY_OUTCOME = _attribute(semconv.IDEMPOTENCY_OUTCOME)

_WELL: Final = ("accepted", "handshake", "replayed", "deferred", "in_flight")
# Each may be made of those before it. Outcomes are derived as `ingest.outcome` does it of spans of older releases;
# what proves a delivery, and what it says of its endpoint, are as `genuine` and `problems.judging` have it.
_NAMED: Final[dict[str, str]] = {
    "attribute_names": "mapKeys(SpanAttributes)",
    "attribute_values": "mapValues(SpanAttributes)",
    "resource_names": "mapKeys(ResourceAttributes)",
    "resource_values": "mapValues(ResourceAttributes)",
    "of_provider": f"if({_attribute(semconv.PROVIDER)} = '', 'unknown', {_attribute(semconv.PROVIDER)})",
    "of_environment": f"if({_resource(ENVIRONMENT)} != '', {_resource(ENVIRONMENT)},"
    f" {_resource('deployment.environment')})",
    "came_to": f"multiIf({_attribute(semconv.OUTCOME)} IN ({_any(*OUTCOMES)}), {_attribute(semconv.OUTCOME)},"
    f" {_KEY_OUTCOME} IN ('replayed', 'in_flight', 'rejected'), {_KEY_OUTCOME},"
    f" {_VALID} = 'false' AND {_REASON} != '' AND {_REASON} = {_ERROR}, 'rejected',"
    f" {_MARK} IN ('failed', 'silent_drop', 'deferred') AND ({_STATUS} != '' OR {_ERROR} = {_MARK}), {_MARK},"
    f" ifNull(toInt64OrNull({_STATUS}), 500) >= 500, 'error',"
    f" toInt64OrNull({_STATUS}) >= 400, 'refused', 'accepted')",
    "by_key": f"if({_KEY_OUTCOME} = 'fail_open' AND {_attribute(semconv.IDEMPOTENCY_MODE)} = 'transaction'"
    f" AND came_to NOT IN ({_any(*_WELL)}), '{NOT_CALLED}', {_KEY_OUTCOME})",
    "is_proved": f"({_VALID} = 'true' OR startsWith({_attribute(semconv.SIGNATURE_HINT)}, 'Proved:')"
    f" OR {_REASON} = 'parsed_body'"
    f" OR ({_REASON} = 'timestamp_drift' AND mapContains(SpanAttributes, '{semconv.SIGNATURE_AGE}')))",
    "is_work": "SpanName = 'process'",
    "work_failed": f"({_MARK} IN ('failed', 'silent_drop') OR endsWith(lower(StatusCode), 'error'))",
    "came_at": f"{TIME} + if(is_work, toInt64(Duration), 0)",
    "says": "multiIf(is_work, if(work_failed, 'bad', 'good'), came_to = 'handshake', 'nothing',"
    " came_to IN ('accepted', 'unprotected', 'deferred', 'replayed', 'in_flight'),"
    f" if({_VALID} = 'false', 'nothing',"
    " transform(came_to, ['accepted', 'replayed', 'in_flight'], ['good', 'duplicate', 'duplicate'], came_to)),"
    " came_to IN ('refused', 'failed', 'silent_drop', 'error'),"
    f" if({_VALID} = 'false' AND came_to = 'refused', 'nothing', 'bad'),"
    f" came_to IN ('unrouted', 'redirected', 'turned_away'), if({_VALID} = 'true', 'bad', 'nothing'),"
    " is_proved, 'bad', 'nothing')",
    # Where there is no route the path stands for it, unless a stranger may have chosen it.
    "of_endpoint": f"if({_attribute(semconv.HTTP_ROUTE)} != '', {_attribute(semconv.HTTP_ROUTE)},"
    f" if({_VALID} = 'true' OR {_attribute(semconv.DETECTED)} != 'true', {_attribute(semconv.URL_PATH)}, ''))",
}
FIELDS: Final[dict[str, str]] = {
    "provider": "of_provider",
    "event_type": _attribute(semconv.EVENT_TYPE),
    "event_id": _attribute(semconv.EVENT_ID),
    "idempotency_key": _attribute(semconv.IDEMPOTENCY_KEY),
    "route": _attribute(semconv.HTTP_ROUTE),
    "path": _attribute(semconv.URL_PATH),
    "outcome": "came_to",
    "reason": _REASON,
    "cause": _attribute(semconv.SILENT_DROP_CAUSE),
    "idempotency": "by_key",
    "service": "ServiceName",
    "environment": "of_environment",
}
"""Those that are asked for, by their names; empty is none."""

_INDEXED: Final[dict[str, str]] = {
    "provider": _indexed(semconv.PROVIDER),
    "event_type": _indexed(semconv.EVENT_TYPE),
    "event_id": _indexed(semconv.EVENT_ID),
    "idempotency_key": _indexed(semconv.IDEMPOTENCY_KEY),
    "route": _indexed(semconv.HTTP_ROUTE),
    "path": _indexed(semconv.URL_PATH),
    "reason": _indexed(semconv.SIGNATURE_REASON),
    "cause": _indexed(semconv.SILENT_DROP_CAUSE),
}

KIND: Final = "says"
"""What a delivery or its work says of its endpoint: good, bad, unprotected, deferred, duplicate, nothing."""

HANDLES: Final = f"({KIND} IN ('good', 'unprotected') OR (NOT is_work AND came_to = 'replayed'))"
"""Whether it says that its event was handled."""

AT: Final = "came_at"
"""When that was, in Unix nanoseconds."""

WORK: Final = "is_work"
WORK_FAILED: Final = "work_failed"

ROUTE: Final = "of_endpoint"
IS_VERIFIED: Final = f"{_VALID} = 'true'"
SIGNATURE_KIND: Final = _attribute(semconv.SIGNATURE_KIND)
UNVERIFIED: Final = f"{_VALID} NOT IN ('true', 'false')"

_CONTAINS_TEXT: Final = (
    *(FIELDS["event_type"], FIELDS["route"], FIELDS["path"], _attribute(semconv.PROCESSING_REASON), _ERROR),
    *(_attribute(semconv.EXCEPTION_TYPE), "StatusMessage"),
)
_CONTAINS_IN_EVENTS: Final = (semconv.EXCEPTION_TYPE, semconv.EXCEPTION_MESSAGE)
_BODIES: Final = (_attribute(semconv.REQUEST_BODY), _attribute(semconv.RESPONSE_BODY))


class Condition:
    """Which rows, as SQL and the values that it takes: no value is ever written into a statement."""

    def __init__(self, *sql: str, **values: Any) -> None:
        self.parts = list(sql)
        self.values = values

    @property
    def sql(self) -> str:
        """All of it."""
        return " AND ".join(f"({part})" for part in self.parts)

    def also(self, sql: str, **values: Any) -> Condition:
        """With another part."""
        return Condition(*self.parts, sql, **self.values, **values)


def named(statement: str) -> str:
    """A statement with the names that it uses explained, as SQL does it."""
    explained = ""
    for name, sql in reversed(_NAMED.items()):
        if name in statement or name in explained:
            explained = f"{sql} AS {name}{', ' if explained else ''}{explained}"
    return f"WITH {explained} {statement}" if explained else statement


def condition_of(wanted: Filter, of: str = IS_DELIVERY) -> Condition:
    """What a filter asks for beside its time and its search.

    Raises:
        NotOfTheTable: the deliveries of a problem.
    """
    if wanted.problem is not None:
        raise NotOfTheTable
    found = Condition(of)
    for name in FIELDS:
        values = wanted.any_of(name) if name in Filter.__struct_fields__ else ()
        if values:
            found = found.also(among(name, name, values), **{name: list(values)})
    if wanted.unverified:
        found = found.also(UNVERIFIED).also(f"came_to IN ({_any(*RAN)})")
    return found


def among(name: str, parameter: str, values: Sequence[str] = ()) -> str:
    """Whether a field has one of the values of a parameter.

    Args:
        values: what they are, as far as it is known.
    """
    is_one = f"{FIELDS[name]} IN {{{parameter}:Array(String)}}"
    # A delivery of a provider that is unknown has no such attribute.
    if name not in _INDEXED or (name == "provider" and "unknown" in values):
        return is_one
    return f"indexHint({_INDEXED[name]} IN {{{parameter}:Array(String)}}) AND {is_one}"


def exactly(found: Condition, term: str) -> Condition:
    """With this event id or key: the table has indexes of both."""
    either = " OR ".join(f"({among(name, 'search')})" for name in ("event_id", "idempotency_key"))
    return found.also(either, search=[term])


def containing(found: Condition, term: str, *, in_bodies: bool = False) -> Condition:
    """With a text in what is searched, or with an id that begins with it."""
    # Whatever the case of letters; of all scripts only where the text has them, for that is several times slower.
    position = "positionCaseInsensitive" if term.isascii() else "positionCaseInsensitiveUTF8"

    def holds(what: str) -> str:
        return f"{position}({what}, {{search:String}}) > 0"

    if in_bodies:
        return found.also(" OR ".join(map(holds, _BODIES)), search=term)
    in_events = (
        f"arrayExists(pairs -> {holds(f'pairs[{name!r}]')}, Events.Attributes)"
        for name in _CONTAINS_IN_EVENTS
    )
    parts = (*map(holds, _CONTAINS_TEXT), *in_events, *_beginning(term))
    return found.also(" OR ".join(parts), search=term)


def _beginning(term: str) -> tuple[str, ...]:
    is_hexadecimal = len(term) >= 4 and all(character in "0123456789abcdef" for character in term)
    return (
        ("startsWith(concat(TraceId, SpanId), {search:String})", "SpanId = {search:String}")
        if is_hexadecimal
        else ()
    )
