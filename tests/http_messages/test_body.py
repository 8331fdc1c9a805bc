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


ODD = {
    "half a surrogate pair": (b'{"id": "evt_1", "name": "\\udc00"}', {"id": "evt_1", "name": "\udc00"}),
    "a byte order mark": (b'\xef\xbb\xbf{"id": "evt_1"}', {"id": "evt_1"}),
    "out of range": (b'{"id": "evt_1", "n": 1e400}', {"id": "evt_1", "n": float("inf")}),
    "infinity": (b'{"id": "evt_1", "n": -Infinity}', {"id": "evt_1", "n": float("-inf")}),
    "utf-16": (json.dumps(DOCUMENT).encode("utf-16"), DOCUMENT),
    "utf-16 without a mark": (json.dumps(DOCUMENT).encode("utf-16-le"), DOCUMENT),
    "utf-32": (json.dumps(DOCUMENT).encode("utf-32"), DOCUMENT),
    "5,000 digits": (b'{"id": "evt_1", "n": ' + b"7" * 5000 + b"}", {"id": "evt_1", "n": "7" * 5000}),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_the_standard_library_reads_is_read(odd: str) -> None:
    raw, document = ODD[odd]
    assert parse_json(raw) == document
    assert Body(raw).pick(FieldPicker(("id", "data.object.id"))) == FieldPicker(
        ("id", "data.object.id")
    ).walk(document)
    assert Body(raw, "application/x-www-form-urlencoded").parsed() == document


def test_nan_is_read_too() -> None:
    assert Body(b'{"id": "evt_1", "n": NaN}').pick(FieldPicker(("id",))) == ["evt_1"]


@pytest.mark.parametrize(
    "raw", [b"[" * 200_000, b'{"a":' * 200_000, b"\xef\xbb\xbf" + b"[" * 200_000, b"[NaN," * 99_999]
)
def test_nesting_without_an_end_is_no_json_and_no_crash(raw: bytes) -> None:
    assert parse_json(raw) is None
    assert Body(raw).pick(FieldPicker(("a",))) == [None]


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (b"id=evt_1", {"id": "evt_1"}),
        (b"payload=%7B%22id%22%3A1%7D", {"payload": '{"id":1}'}),
        (b"a[b]=1&c=2", {"a[b]": "1", "c": "2"}),
        (b"<a href='b'>c</a>", None),
        (b"QUJDRA==", None),
        (b"eyJhbGciOiJIUzI1NiJ9.e30.c2ln", None),
        (b"hello, world", None),
        (b"", None),
        (b'"text"', "text"),
        (b"--a\r\nno form", None),
        (b"--a\r\n\r\n--b--", None),
    ],
)
def test_what_a_body_is_is_told_by_its_bytes(raw: bytes, parsed: Any) -> None:
    for content_type in ("application/json", "", "text/plain", "application/octet-stream"):
        assert Body(raw, content_type).parsed() == parsed


MULTIPART = (
    b'--b1\r\nContent-Disposition: form-data; name="timestamp"\r\n\r\n1700000000\r\n'
    b'--b1\r\nContent-Type: text/plain\r\ncontent-disposition: form-data; name="t"\r\nX: y\r\n\r\none\r\n\r\ntwo\r\n'
    b'--b1\r\nContent-Disposition: form-data; name="t"\r\n\r\n\r\n'
    b'--b1\r\nContent-Disposition: form-data; name="up"; filename="x.txt"\r\n\r\nfile\r\n--b1--\r\n'
)


def test_a_multipart_form_is_its_text_fields() -> None:
    assert Body(MULTIPART).parsed() == {"timestamp": "1700000000", "t": ["one\r\n\r\ntwo", ""]}


@pytest.mark.parametrize("cut", range(0, len(MULTIPART) - 4, 7))
def test_a_multipart_form_that_was_cut_short_is_none(cut: int) -> None:
    assert Body(MULTIPART[:cut]).parsed() is None


def test_a_multipart_form_of_headers_without_an_end_costs_next_to_nothing() -> None:
    head = b'content-disposition: form-data; name="a"\r\n' * 100_000
    assert Body(b"--b\r\n" + head + b"\r\n--b--").parsed() == {}


def test_a_multipart_form_of_too_many_fields_is_not_read() -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
    assert Body(part * 1000 + b"--b--").parsed() == {"a": ["1"] * 1000}
    assert Body(part * 1001 + b"--b--").parsed() is None


def test_a_stranger_s_body_gets_no_more_than_a_glance() -> None:
    picker = FieldPicker(("id",))
    assert Body(b'{"id": "evt_1"}').pick(picker, thorough=False) == ["evt_1"]
    body = Body(b'{"id": "evt_1", "n": NaN}')
    assert body.pick(picker, thorough=False) == [None]
    assert body.pick(picker) == ["evt_1"]


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
