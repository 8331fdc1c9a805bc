"""Bodies: exact bytes that pass for text, and JSON read only as far as it is asked for."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.http.body import Body, FieldPicker, RawBody, parse_json

DOCUMENT = {"id": "evt_1", "type": "paid", "data": {"object": {"id": 7, "list": [{"a": 1}]}, "none": None}}
RAW = json.dumps(DOCUMENT).encode()


@given(st.binary())
def test_a_raw_body_passes_for_its_text(raw: bytes) -> None:
    body = RawBody(raw)
    text = raw.decode("utf-8", "surrogateescape")
    assert isinstance(body, bytes)
    assert body == raw
    assert str(body) == f"{body}" == format(body) == text
    assert body.encode() == body.encode("utf-8", "surrogateescape") == raw
    assert "t." + body == "t." + text
    assert body + ".t" == text + ".t"
    assert b"t." + body == b"t." + raw
    assert body + b".t" == raw + b".t"
    assert hashlib.sha256(body).digest() == hashlib.sha256(raw).digest()
    assert f"{body:>3}" == f"{text:>3}"


def test_a_raw_body_has_no_other_sums() -> None:
    with pytest.raises(TypeError):
        RawBody(b"x") + 5
    with pytest.raises(TypeError):
        5 + RawBody(b"x")


@pytest.mark.parametrize(
    ("paths", "values"),
    [
        (("id",), ["evt_1"]),
        (("type", "id"), ["paid", "evt_1"]),
        (("data.object.id", "data.object.list"), [7, [{"a": 1}]]),
        (("data", "data.object.id"), [DOCUMENT["data"], 7]),
        (("id.x", "data.none.x", "data.nothing", "nothing.at.all"), [None, None, None, None]),
        (("data.none",), [None]),
        (("data.object.list.0.a",), [None]),
    ],
)
def test_fields_are_picked_by_dotted_path(paths: tuple[str, ...], values: list[Any]) -> None:
    picker = FieldPicker(paths)
    assert picker.pick(RAW) == values
    assert picker.walk(DOCUMENT) == values


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"null", b"5", b"[]", b'"id"', b"\xff", b"[" * 100_000, b'{"id": "\xff"}', b"{}x"]
)
def test_what_is_no_object_has_no_fields(raw: bytes) -> None:
    assert FieldPicker(("id", "a.b")).pick(raw) == [None, None]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc") | st.text(), inner, max_size=4)
    ),
    max_leaves=10,
)
path_lists = st.lists(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(".".join),
    min_size=1,
    max_size=3,
    unique=True,
)


@given(document=json_values, paths=path_lists)
def test_picking_finds_what_walking_finds(document: Any, paths: list[str]) -> None:
    picker = FieldPicker(tuple(paths))
    assert picker.pick(json.dumps(document).encode()) == picker.walk(document)


@given(st.binary())
def test_any_bytes_are_read_without_raising(raw: bytes) -> None:
    parse_json(raw)
    for content_type in ("application/json", "application/x-www-form-urlencoded", ""):
        body = Body(raw, content_type)
        FieldPicker(("a", "b.c")).pick(raw)
        assert body.parsed() is body.parsed()
        body.pick(FieldPicker(("a", "b.c")))


def test_a_form_is_its_fields() -> None:
    body = Body(b"a=1&b=&c=1&c=2&c=3&d=%C3%BC+x", "application/x-www-form-urlencoded; charset=utf-8")
    assert body.parsed() == {"a": "1", "b": "", "c": ["1", "2", "3"], "d": "ü x"}
    assert body.pick(FieldPicker(("c", "d"))) == [["1", "2", "3"], "ü x"]


def test_a_content_type_is_read_whatever_its_case() -> None:
    assert Body(b"a=1", "Application/X-WWW-Form-Urlencoded").parsed() == {"a": "1"}


def test_a_form_of_too_many_fields_is_not_read() -> None:
    assert Body(b"&".join([b"a=1"] * 1001), "application/x-www-form-urlencoded").parsed() is None
