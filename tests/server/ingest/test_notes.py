"""What is noted of a delivery when it comes in: the table of fields, why it failed, and where in the application."""

from __future__ import annotations

import linecache
import traceback
from typing import Any

import msgspec
import pytest

from outworx_otel.server.failures import NOWHERE, CodePlace, place_of
from outworx_otel.server.fields import BY_NAME, FIELDS
from outworx_otel.server.ingest.arrival_notes import noted
from outworx_otel.server.ingest.values import environment_of
from outworx_otel.server.model import Filter, SpanEvent, Summary
from outworx_otel.telemetry import semconv
from server.store.samples import NOW, one


def raised(stack: str, type: str = "shop.orders.Refused", message: str = "no such order") -> SpanEvent:
    attributes = {
        semconv.EXCEPTION_TYPE: type,
        semconv.EXCEPTION_MESSAGE: message,
        semconv.EXCEPTION_STACKTRACE: stack,
    }
    return SpanEvent(semconv.EXCEPTION_EVENT, NOW, attributes)


STACK = """Traceback (most recent call last):
  File "/usr/lib/python3.11/asyncio/runners.py", line 190, in run
    return runner.run(main)
  File "/srv/shop/orders.py", line 41, in take
    await save(order)
  File "/srv/shop/.venv/lib/python3.11/site-packages/sqlalchemy/engine/base.py", line 7, in execute
    raise error
shop.orders.Refused: no such order
"""


def test_the_table_has_a_row_for_each_field_of_a_summary_and_a_filter_for_each_that_is_asked_for() -> None:
    assert set(BY_NAME) == set(Summary.__struct_fields__)
    assert len({field.json for field in FIELDS}) == len(FIELDS)
    filtered = {field.name for field in FIELDS if field.filtered}
    assert filtered | {"problem", "unverified", "since", "until", "search"} == set(Filter.__struct_fields__)
    types: dict[str, set[Any]] = {
        "text": {str},
        "flag": {bool},
        "whole": {int},
        "time": {int},
        "seconds": {int},
    }
    for field in msgspec.structs.fields(Summary):
        if field.name != "outcome":
            default = None if BY_NAME[field.name].always else 0
            sample = {"text": "a", "flag": True}.get(BY_NAME[field.name].kind, 1)
            assert type(msgspec.convert(sample, field.type)) in types[BY_NAME[field.name].kind], default


@pytest.mark.parametrize("outcome", ["error", "failed", "rejected", "unprotected"])
def test_why_and_where_it_failed_stand_in_its_fields(outcome: str) -> None:
    delivery = noted(one(outcome=outcome, events=(raised(STACK),)), NOW)
    assert delivery.failure == "Refused: no such order"
    assert delivery.exception_type == "shop.orders.Refused"
    assert (delivery.code_file, delivery.code_function) == ("/srv/shop/orders.py", "take")
    assert delivery.arrived_ns == NOW


@pytest.mark.parametrize(
    ("mode", "kept"), [("transaction", "not_called"), ("store", "fail_open"), (7, "fail_open")]
)
def test_a_block_that_was_never_called_is_no_store_that_was_away(mode: object, kept: str) -> None:
    attributes = {semconv.IDEMPOTENCY_MODE: mode}
    came = one(outcome="unprotected", idempotency="fail_open", attributes=attributes)
    assert noted(came, NOW).idempotency == kept


def test_a_silent_drop_names_the_place_that_was_proved() -> None:
    attributes = {
        semconv.CODE_FILE: "/srv/shop/hooks.py",
        semconv.CODE_FUNCTION: "hook",
        semconv.CODE_LINE: 7,
    }
    delivery = noted(one(outcome="silent_drop", attributes=attributes), NOW)
    assert (delivery.code_file, delivery.code_function) == ("/srv/shop/hooks.py", "hook")


def test_what_the_handler_said_is_the_reason_of_a_failed_mark() -> None:
    attributes = {semconv.PROCESSING_REASON: "the bank refused the refund", semconv.ERROR_TYPE: "failed"}
    assert noted(one(outcome="failed", attributes=attributes), NOW).failure == "the bank refused the refund"


def test_what_went_well_has_no_failure() -> None:
    delivery = noted(one(outcome="accepted", events=(raised(STACK),)), NOW)
    assert (delivery.failure, delivery.exception_type, delivery.code_file) == (None, None, None)


@pytest.mark.parametrize("value", [["a"], {"a": 1}, 7, True, None, "\0\ud800", "x" * 100_000])
def test_attributes_of_any_type_cost_nothing_else(value: Any) -> None:
    names = (semconv.ERROR_TYPE, semconv.PROCESSING_REASON, semconv.CODE_FILE, semconv.CODE_LINE)
    events = (SpanEvent(semconv.EXCEPTION_EVENT, NOW, dict.fromkeys((semconv.EXCEPTION_TYPE,), value)),)
    delivery = noted(one(outcome="error", attributes=dict.fromkeys(names, value), events=events), NOW)
    assert len(delivery.failure or "") <= 1024


def test_the_innermost_own_line_is_the_place_of_a_real_traceback() -> None:
    source = "def hook():\n    return next(iter(()))\n"
    linecache.cache["/srv/app/hooks.py"] = (len(source), None, source.splitlines(True), "/srv/app/hooks.py")
    names: dict[str, Any] = {}
    exec(compile(source, "/srv/app/hooks.py", "exec"), names)  # noqa: S102  # a file that is not here
    try:
        names["hook"]()
    except StopIteration as first:
        try:
            raise LookupError("nothing there") from first
        except LookupError:
            text = traceback.format_exc()
    place = place_of(text)
    assert place == CodePlace(
        __file__, place.line, "test_the_innermost_own_line_is_the_place_of_a_real_traceback"
    )
    assert place_of(text[: text.index("\n\nThe above")]) == CodePlace("/srv/app/hooks.py", 2, "hook")


@pytest.mark.parametrize("stack", ["", "no traceback", '  File "', '  File "a", line x', "\0" * 100])
def test_a_text_without_frames_has_no_place(stack: str) -> None:
    assert place_of(stack) == NOWHERE


def test_a_traceback_of_libraries_alone_ends_in_them() -> None:
    library = "/srv/.venv/lib/python3.11/site-packages/flask/app.py"
    assert place_of(
        f'Traceback (most recent call last):\n  File "{library}", line 3, in dispatch\n'
    ) == CodePlace(library, 3, "dispatch")


def test_the_environment_has_a_name_of_today_and_one_of_before() -> None:
    assert environment_of({"deployment.environment.name": "prod", "deployment.environment": "old"}) == "prod"
    assert environment_of({"deployment.environment": "staging"}) == "staging"
    assert environment_of({}) is None
