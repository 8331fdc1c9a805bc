"""The bytes of a record: exact, bounded, and readable by other versions."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.errors import StoreError
from outworx_otel.idempotency import StoredAnswer
from outworx_otel.idempotency.record import MAX_RECORD_BYTES, decode, encode


@given(
    st.builds(
        StoredAnswer,
        status=st.integers(100, 599),
        headers=st.lists(st.tuples(st.text(), st.text())).map(tuple),
        body=st.none() | st.binary(),
        fingerprint=st.text(),
        trace_id=st.text(),
        span_id=st.text(),
    )
)
def test_what_is_encoded_comes_back(answer: StoredAnswer) -> None:
    assert decode(encode(answer)) == answer


def test_a_record_without_a_body_is_compact(answer: StoredAnswer) -> None:
    assert len(encode(msgspec.structs.replace(answer, body=None, headers=()))) < 130


def test_an_answer_over_the_limit_loses_its_body_whole(answer: StoredAnswer) -> None:
    large = msgspec.structs.replace(answer, body=bytes(MAX_RECORD_BYTES))
    assert decode(encode(large)) == msgspec.structs.replace(answer, body=None)


def test_and_then_its_headers(answer: StoredAnswer) -> None:
    headers = (("etag", "x" * MAX_RECORD_BYTES),)
    encoded = encode(msgspec.structs.replace(answer, headers=headers))
    assert decode(encoded) == msgspec.structs.replace(answer, body=None, headers=())


def test_a_field_that_a_later_version_adds_is_passed_over(answer: StoredAnswer) -> None:
    longer = b"\x01" + msgspec.msgpack.encode([*msgspec.structs.astuple(answer), "new field"])
    assert decode(longer) == answer


def test_a_record_without_the_optional_fields_is_read() -> None:
    shorter = b"\x01" + msgspec.msgpack.encode([200, [], None, "f"])
    assert decode(shorter) == StoredAnswer(200, (), None, "f")


@pytest.mark.parametrize("damaged", [b"", b"\x02\x90", b"\x01", b"\x01\xc1", b"\x01\x93\x01\x02\x03"])
def test_what_cannot_be_read_is_a_store_error(damaged: bytes) -> None:
    with pytest.raises(StoreError):
        decode(damaged)
