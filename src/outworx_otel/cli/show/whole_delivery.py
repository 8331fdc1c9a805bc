"""Prints a delivery for people: what its page shows, in the same words, and nothing that a terminal would obey."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from outworx_otel.cli.console import say, terminal_safe
from outworx_otel.cli.delivery_rows import colour_of, local_time, value, zone
from outworx_otel.server.fields import FIELDS
from outworx_otel.server.formatting import duration, plain, size
from outworx_otel.server.stored_bodies import MAX_TEXT, bytes_of, hex_dump, laid_out, not_whole
from outworx_otel.telemetry import semconv

_OURS: Final = "outworx.webhook."
_HEADER: Final = semconv.HTTP_REQUEST_HEADER_PREFIX
_MAX_SHOWN: Final = 2_000
_MAX_STACK: Final = 20_000
_COLOURS: Final = {"good": "green", "warn": "yellow", "bad": "red"}
_MARKS: Final = {"good": "ok", "warn": "warn", "bad": "bad"}


def _name(attribute: str) -> str:
    return attribute.removeprefix(_OURS)


_HINT: Final = _name(semconv.SIGNATURE_HINT)
_BODIES: Final = {
    "Request body": _name(semconv.REQUEST_BODY),
    "Response body": _name(semconv.RESPONSE_BODY),
}
# The verdict has their words, or they are shown by themselves.
_NOT_AGAIN: Final = frozenset(
    {
        *(field.json for field in FIELDS),
        *(
            "why",
            "headline",
            "detail",
            "advice",
            "retries",
            "clock",
            "handled_by",
            "source",
            "parent_span_id",
        ),
        *(_HINT, *_BODIES.values(), semconv.CODE_LINE),
    }
)


def print_whole(delivery: Mapping[str, Any]) -> None:
    """Prints all of one.

    Args:
        delivery: as `GET /api/deliveries/{id}` gives it. What another release does not give is left out.
    """
    _verdict(delivery)
    _summary(delivery)
    _stages(delivery)
    _exceptions(delivery)
    _same_event(delivery)
    for title, name in _BODIES.items():
        _body(title, delivery, name)
    headers = {
        name.removeprefix(_HEADER): text for name, text in delivery.items() if name.startswith(_HEADER)
    }
    _pairs("Request headers", headers)
    others = {
        name: text
        for name, text in delivery.items()
        if name not in _NOT_AGAIN and not name.startswith(_HEADER) and _is_plain(text)
    }
    _pairs("Attributes", others)
    _pairs("Resource", delivery.get("resource") or {})


def _verdict(delivery: Mapping[str, Any]) -> None:
    title = delivery.get("headline") or delivery.get("why") or value(delivery, "outcome")
    say(_safe(title), colour_of(value(delivery, "outcome")))
    if delivery.get("detail"):
        say(_safe(delivery["detail"]))
    _fact("Found", delivery.get(_HINT))
    _fact("Where", _place(delivery.get("place")))
    if delivery.get("handled_by"):
        _fact("Handled", f"by a later delivery of this event: {delivery['handled_by']}")
    _fact("What to do", delivery.get("advice"))
    _fact("Again", delivery.get("retries"))
    _fact("Clock", delivery.get("clock"))


def _summary(delivery: Mapping[str, Any]) -> None:
    say("")
    endpoint = value(delivery, "path") or value(delivery, "route")
    took = value(delivery, "duration_ns")
    status = value(delivery, "status")
    answer = "none" if status is None else str(status)
    _fact("Id", value(delivery, "id"))
    _fact("Event", _joined(value(delivery, "event_type"), value(delivery, "event_id")))
    _fact("Provider", value(delivery, "provider"))
    _fact("Endpoint", f"{value(delivery, 'method')} {endpoint or '-'}")
    _fact("Answer", answer if took is None else f"{answer} in {duration(int(took * 1e9))}")
    _fact("Received", f"{local_time(value(delivery, 'time_ns'))} {zone()}")
    _fact("Service", _joined(value(delivery, "service"), value(delivery, "environment")))
    _fact("Body", None if value(delivery, "body_size") is None else size(value(delivery, "body_size")))
    _fact("Trace", value(delivery, "trace_id"))


def _stages(delivery: Mapping[str, Any]) -> None:
    stages = delivery.get("stages") or ()
    if stages:
        _heading("Timeline")
    for stage in stages:
        state = stage["state"]
        line = f"  {_MARKS.get(state, '-'):<5} {stage['name']:<8} {_safe(stage['said'])}"
        say(line, _COLOURS.get(state))
    for span in delivery.get("deferred") or ():
        took = duration(int(span["duration"] * 1e9))
        status = span["attributes"].get(semconv.PROCESSING_STATUS, "error" if span["error"] else "-")
        say(_safe(f"  deferred work: {status} in {took} {span['status_message']}".rstrip()))


def _exceptions(delivery: Mapping[str, Any]) -> None:
    for event in delivery.get("events") or ():
        if event["name"] == semconv.EXCEPTION_EVENT:
            told = event["attributes"]
            _heading("Exception")
            kind, message = (
                told.get(semconv.EXCEPTION_TYPE, ""),
                told.get(semconv.EXCEPTION_MESSAGE, ""),
            )
            say(f"  {_safe(f'{kind}: {message}' if message else kind)}")
            _lines(plain(told.get(semconv.EXCEPTION_STACKTRACE, ""))[-_MAX_STACK:])


def _same_event(delivery: Mapping[str, Any]) -> None:
    others = delivery.get("same_event") or ()
    if len(others) < 2:
        return
    _heading(f"All deliveries of this event ({len(others)})")
    for one in others:
        status = value(one, "status")
        line = (
            f"  {local_time(value(one, 'time_ns'))}  {_safe(value(one, 'outcome')):<12} "
            f"{'-' if status is None else status!s:<4} {_safe(value(one, 'id'))}"
        )
        say(f"{line}  this one" if value(one, "id") == value(delivery, "id") else line)


def _body(title: str, delivery: Mapping[str, Any], name: str) -> None:
    stored = delivery.get(name)
    if not isinstance(stored, str):
        if name == _BODIES["Request body"]:
            _heading(title)
            say("  not captured: set capture_body = true for the endpoint to see the next ones", dim=True)
        return
    full_size = value(delivery, "body_size") if name == _BODIES["Request body"] else None
    raw = bytes_of(stored, full_size)
    _heading(title)
    try:
        text = raw.decode("utf-8", "surrogatepass")
        _lines((laid_out(text) or text)[:MAX_TEXT])
    except UnicodeDecodeError:
        text = ""
        _lines(hex_dump(raw))
    note = not_whole(stored, raw, full_size)
    if note is not None or len(text) > MAX_TEXT:
        say(f"  {note or 'Only its beginning is shown: --json has all of it.'}", dim=True)


def _pairs(title: str, pairs: Mapping[str, Any]) -> None:
    if pairs:
        _heading(title)
    for name, text in sorted(pairs.items()):
        say(f"  {_safe(name)}: {_safe(plain(text))}")


def _heading(title: str) -> None:
    say("")
    say(title, "cyan")


def _fact(name: str, text: Any) -> None:
    if text not in (None, ""):
        say(f"  {name:<11} {_safe(text)}")


def _lines(text: str) -> None:
    for line in text.rstrip("\n").split("\n"):
        say(f"  {terminal_safe(line, MAX_TEXT)}")


def _safe(text: Any) -> str:
    return terminal_safe(str(text), _MAX_SHOWN)


def _joined(*texts: Any) -> str:
    return "  ".join(str(text) for text in texts if text)


def _place(place: Any) -> str | None:
    if not isinstance(place, Mapping) or not place.get("file"):
        return None
    line = "" if place.get("line") is None else f":{place['line']}"
    within = f" in {place['function']}" if place.get("function") else ""
    return f"{place['file']}{line}{within}"


def _is_plain(text: Any) -> bool:
    """Whether it is a value or a list of values: what has parts of its own is shown by itself, or in `--json`."""
    if isinstance(text, list):
        return bool(text) and not any(isinstance(one, dict | list) for one in text)
    return text not in (None, "") and not isinstance(text, dict)
