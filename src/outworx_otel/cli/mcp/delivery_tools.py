"""The tools about deliveries and problems: they read, and say in words of ours what the codes mean."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final
from urllib.parse import quote

from outworx_otel.cli.delivery_filters import for_the_call
from outworx_otel.cli.delivery_rows import value
from outworx_otel.cli.mcp.tool_context import ToolAnswer, ToolContext
from outworx_otel.cli.server_calls import ServerCallFailed
from outworx_otel.server.capabilities import FILTERS
from outworx_otel.server.explaining.codes import CAUSES, IDEMPOTENCY, KINDS, REASONS
from outworx_otel.server.explaining.headlines import headline
from outworx_otel.server.fields import BY_NAME
from outworx_otel.server.model import RAN, StoredDelivery
from outworx_otel.server.problems.problem import STATES, advice_of
from outworx_otel.telemetry import semconv

_OURS: Final = "outworx.webhook."
_HEADER: Final = semconv.HTTP_REQUEST_HEADER_PREFIX
_HINT, _REQUEST, _RESPONSE, _MARK = (
    name.removeprefix(_OURS)
    for name in (
        semconv.SIGNATURE_HINT,
        semconv.REQUEST_BODY,
        semconv.RESPONSE_BODY,
        semconv.PROCESSING_REASON,
    )
)
_ROW: Final = (
    *("id", "time_ns", "outcome", "status", "provider", "event_type", "event_id", "route", "path", "reason"),
    *("service", "environment"),
)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z", re.ASCII)
_CURSOR: Final = re.compile(r"[A-Za-z0-9_.:,~=+/-]{1,200}", re.ASCII)
_MAX_STACK: Final = 3_000
_MAX_SAME: Final = 20
_PROCESSING: Final = frozenset({"completed", "failed", "ignored", "silent_drop", "deferred"})
_NOT_CAPTURED: Final = "not captured: set capture_body = true for the endpoint to see the next ones"


def list_problems(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """`GET /api/problems`."""
    page = context.server.read("/api/problems", _query(given))
    problems = _listed(page, "problems")
    if not problems:
        asked = any(given[name] for name in ("state", "service", "provider"))
        return ToolAnswer("No problem is like this." if asked else "There is no problem.")
    said = [
        f"{len(problems)} problems, those first that came last. explain_problem says what to do about one."
    ]
    return ToolAnswer(
        _more(said, page), (("problems, one in a line", [_problem_row(one) for one in problems]),)
    )


def explain_problem(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """`GET /api/problems/{id}`."""
    problem = context.server.read(f"/api/problems/{given['id']}")
    if not isinstance(problem, Mapping):
        return ToolAnswer("There is no problem of this number.", is_error=True)
    outcome, reason, cause = (_code(problem.get(name)) for name in ("outcome", "reason", "cause"))
    said = [
        f"Problem {given['id']}: {_one_of(problem.get('state'), STATES)}.",
        _meaning(outcome, reason, cause),
        f"What to do: {advice_of(outcome, reason, cause)}",
        f"First seen {_time(problem.get('first_seen'))}, last seen {_time(problem.get('last_seen'))}; the endpoint's"
        f" last good delivery: {_time(problem.get('last_good'))}.",
        f"{_whole(problem.get('deliveries'))} deliveries of {_whole(problem.get('events'))} events, of which"
        f" {_whole(problem.get('unhandled_events'))} are still unhandled.",
    ]
    last = problem.get("last_delivery")
    if isinstance(last, str) and last.isalnum() and last.isascii():
        said.append(f"explain_delivery with the id {last[:64]} says the details of its last delivery.")
    return ToolAnswer(_lines(said), (("the problem", dict(problem)),))


def list_deliveries(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """`GET /api/deliveries`."""
    page = context.server.read("/api/deliveries", _query(given))
    deliveries = _listed(page, "deliveries")
    if not deliveries and not (isinstance(page, Mapping) and page.get("next_cursor")):
        asked = any(given.get(parameter.name) for parameter in FILTERS)
        return ToolAnswer(f"No delivery{' is like this' if asked else ' yet'}.")
    said = [f"{len(deliveries)} deliveries, the newest first. explain_delivery says all of one."]
    rows = [_delivery_row(one) for one in deliveries]
    return ToolAnswer(_more(said, page), (("deliveries, one in a line", rows),) if rows else ())


def explain_delivery(context: ToolContext, given: Mapping[str, Any]) -> ToolAnswer:
    """`GET /api/deliveries/{id}`."""
    delivery = context.server.read(f"/api/deliveries/{quote(given['id'], safe='')}")
    if not isinstance(delivery, Mapping):
        return ToolAnswer(
            "There is no delivery of this id: it may have been removed by its age.", is_error=True
        )
    return ToolAnswer(_lines(_verdict(delivery)), (("the delivery", _whole_delivery(delivery)),))


def _verdict(delivery: Mapping[str, Any]) -> Iterable[str]:
    """What happened, out of codes alone."""
    outcome = value(delivery, "outcome")
    if outcome not in KINDS:
        yield "It has an outcome that this version does not know: see the quotation."
        return
    reason, cause, idempotency, processing = (
        _code(value(delivery, name)) or None for name in ("reason", "cause", "idempotency", "processing")
    )
    status, valid = value(delivery, "status"), value(delivery, "signature_valid")
    same_event = [one for one in delivery.get("same_event") or () if isinstance(one, Mapping)]
    said = headline(
        StoredDelivery(
            id="",
            time_ns=0,
            duration_ns=0,
            provider="",
            outcome=outcome,
            status=status if isinstance(status, int) else None,
            signature_valid=valid if isinstance(valid, bool) else None,
            reason=reason,
            cause=cause,
            idempotency=idempotency,
            processing=processing,
        ),
        None,
        handled_later=isinstance(delivery.get("handled_by"), str),
        runs=sum(value(one, "outcome") in RAN for one in same_event),
    )
    yield f"Outcome: {outcome} ({KINDS[outcome].meaning})."
    yield f"Verdict: {said.title}. {said.detail}"
    yield f"What to do: {said.action or 'nothing.'}"
    yield f"Signature: {_signature(valid, reason)}"
    if isinstance(delivery.get("place"), Mapping):
        yield "Where in the application it failed stands in the quotation, as `place`."


def _signature(valid: Any, reason: str | None) -> str:
    if valid is True:
        return "valid."
    if valid is False:
        return f"not valid{f' ({reason}: {REASONS[reason].title})' if reason in REASONS else ''}."
    return f"not checked{f' ({reason}: {REASONS[reason].title})' if reason in REASONS else ''}."


def _whole_delivery(delivery: Mapping[str, Any]) -> dict[str, Any]:
    """What an agent needs of it, what matters most first: a quotation is cut at its end."""
    headers = {
        name.removeprefix(_HEADER): text for name, text in delivery.items() if name.startswith(_HEADER)
    }
    same_event = list(delivery.get("same_event") or ())[-_MAX_SAME:]
    told = {
        **{name: delivery.get(name) for name in ("why", "headline", "place", _HINT, _MARK, "error_message")},
        **_delivery_row(delivery),
        **{name: delivery.get(name) for name in ("handled_by", "retries", "clock", "stages")},
        "exceptions": list(_exceptions(delivery)),
        "request_headers": headers,
        "request_body": delivery.get(_REQUEST) or _NOT_CAPTURED,
        "response_body": delivery.get(_RESPONSE),
        "same_event": [_delivery_row(one) for one in same_event],
        "attributes": dict(_attributes(delivery)),
    }
    return {name: one for name, one in told.items() if one not in (None, "", [], {})}


def _exceptions(delivery: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for event in delivery.get("events") or ():
        told = event.get("attributes", {})
        if event.get("name") == semconv.EXCEPTION_EVENT:
            yield {
                "type": told.get(semconv.EXCEPTION_TYPE),
                "message": told.get(semconv.EXCEPTION_MESSAGE),
                "stacktrace": _end_of(str(told.get(semconv.EXCEPTION_STACKTRACE) or "")),
            }


def _end_of(stack: str) -> str:
    """Its last lines, which say where. None is cut in two: a half of a secret would not be known as one."""
    return stack if len(stack) <= _MAX_STACK else stack[-_MAX_STACK:].partition("\n")[2]


def _attributes(delivery: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    """Those of a sort that tells of the delivery: ours, and what the application said by metadata."""
    for name, one in delivery.items():
        if name.startswith(
            ("signature.", "idempotency.", "processing.", "silent_drop.", "metadata.", "code.")
        ):
            yield name, one


def _delivery_row(delivery: Mapping[str, Any]) -> dict[str, Any]:
    row = {BY_NAME[name].json: value(delivery, name) for name in _ROW}
    return {name: one for name, one in {**row, "why": delivery.get("why")}.items() if one is not None}


def _problem_row(problem: Mapping[str, Any]) -> dict[str, Any]:
    names = (
        "id",
        "state",
        "headline",
        "service",
        "deliveries",
        "unhandled_events",
        "last_seen",
        "last_delivery",
    )
    return {name: problem.get(name) for name in names}


def _query(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    query = []
    for name, one in given.items():
        if one is None or one is False:
            continue
        values = one if isinstance(one, list) else [one]
        query += [(name, for_the_call(name, "true" if single is True else str(single))) for single in values]
    return query


def _listed(page: Any, name: str) -> list[Mapping[str, Any]]:
    found = page.get(name) if isinstance(page, Mapping) else None
    if not isinstance(found, list):
        raise ServerCallFailed("the server answers with something else: is it an outworx server?")
    return [one for one in found if isinstance(one, Mapping)]


def _more(said: list[str], page: Mapping[str, Any]) -> str:
    cursor = page.get("next_cursor")
    if isinstance(cursor, str) and _CURSOR.fullmatch(cursor):
        said.append(f"There are more: ask again with the same filters and cursor={cursor}")
    return _lines(said)


def _meaning(outcome: str, reason: str, cause: str) -> str:
    parts = [KINDS[kind].meaning for kind in KINDS if kind == outcome]
    parts += [table[code].meaning for table, code in ((REASONS, reason), (CAUSES, cause)) if code in table]
    return f"What happens: {'; '.join(parts) or 'see the quotation'}"


def _code(given: Any) -> str:
    """A code that we know; "" for any other, which is the sender's word."""
    known = isinstance(given, str) and any(
        given in table for table in (KINDS, REASONS, CAUSES, IDEMPOTENCY, _PROCESSING)
    )
    return str(given) if known else ""


def _one_of(given: Any, known: Iterable[str]) -> str:
    return str(given) if given in tuple(known) else "in a state that this version does not know"


def _time(given: Any) -> str:
    return given if isinstance(given, str) and _TIME.fullmatch(given) else "not known"


def _whole(given: Any) -> str:
    return f"{given:,}" if isinstance(given, int) and not isinstance(given, bool) else "?"


def _lines(said: Iterable[str]) -> str:
    return "\n".join(said)
