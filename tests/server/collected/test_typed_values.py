"""Every attribute has the type again with which it was sent, or stays text."""

from __future__ import annotations

from typing import Any

import pytest
from conventions.registry import registry
from hypothesis import given
from hypothesis import strategies as st
from support.exports import any_value
from support.otel_traces import as_text

from outworx_otel.server.collected.typed_values import typed
from outworx_otel.telemetry import semconv

OURS = [one for one in registry().attributes.values() if isinstance(one.type, str) and not one.is_template]
SAMPLES: dict[str, list[Any]] = {
    "boolean": [True, False],
    "int": [0, 1, 409, 2**40],
    "double": [0.0, 0.25, 12.0, -3.5, 1e-9, 1735689600.123, 5e-324],
    "string": ["", "12", "true", "0.5", '["a"]', "caf\u00e9"],
    "string[]": [[], ["a"], ["1", "true", 'say "no"', "\u2028<&>"]],
}
OTHERS: list[Any] = [
    True,
    False,
    0,
    -12,
    8080,
    2**53,
    0.5,
    -2.25,
    1e-9,
    1e300,
    ["a", 1, True],
    {"a": [0.5]},
    "",
    "abc",
]


def back(name: str, value: Any) -> Any:
    """As the exporter writes it and we read it."""
    return typed([(name, as_text(any_value(value)))])[name]


@pytest.mark.parametrize("attribute", OURS, ids=lambda one: one.key)
def test_ours_have_the_type_that_the_registry_names(attribute: Any) -> None:
    for value in SAMPLES[attribute.type]:
        found = back(attribute.key, value)
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (semconv.HTTP_STATUS, "int"),
        (semconv.HTTP_BODY_SIZE, "int"),
        (semconv.CODE_LINE, "int"),
        (semconv.URL_PATH, "string"),
        (semconv.ERROR_TYPE, "string"),
        (semconv.EXCEPTION_MESSAGE, "string"),
        (f"{semconv.HTTP_REQUEST_HEADER_PREFIX}x-amount", "string[]"),
        ("service.version", "string"),
    ],
)
def test_the_standard_ones_have_theirs(name: str, kind: str) -> None:
    for value in SAMPLES[kind]:
        found = back(name, value)
        assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize("value", OTHERS, ids=repr)
@pytest.mark.parametrize("name", ["server.port", f"{semconv.METADATA_PREFIX}amount"])
def test_any_other_is_taken_for_what_it_looks_like(name: str, value: Any) -> None:
    found = back(name, value)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "text",
    [
        "012",
        "+49",
        "-0",
        "1.",
        ".5",
        "1e5",
        "True",
        "NaN",
        "Infinity",
        "9" * 17,
        "1_000",
        " 1",
        "[1",
        "{a}",
        "\u0661",
    ],
)
def test_what_the_exporter_writes_of_no_number_stays_text(text: str) -> None:
    assert typed([("shop.code", text)]) == {"shop.code": text}


@given(st.text())
def test_whatever_stands_there_reads_as_what_was_written(text: str) -> None:
    """No character of a text is lost by taking it for a number or a flag."""
    found = typed([("shop.code", text)])["shop.code"]
    if not isinstance(found, list | dict | str):
        assert as_text(any_value(found)) == text or float(text) == found
    elif isinstance(found, str):
        assert found == text


def test_a_list_that_is_deep_or_long_stays_text() -> None:
    for text in ("[" * 20_000, "[" + "1," * 60_000 + "1]"):
        assert typed([("shop.list", text)]) == {"shop.list": text}
