"""Headers: text in any case, with nothing lost."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.http.headers import Headers, announced_length, from_environ


@pytest.mark.parametrize("name", ["X-My-Signature", "x-my-signature", "X-MY-SIGNATURE"])
def test_names_are_found_in_any_case(name: str) -> None:
    headers = Headers([(b"X-My-Signature", b"abc")])
    assert headers[name] == headers.get(name) == "abc"
    assert name in headers
    assert headers.get_all(name) == ["abc"]


def test_repeats_are_joined_and_can_be_told_apart() -> None:
    headers = Headers([("a", "1"), ("A", "2"), ("b", "")])
    assert headers["a"] == headers.get("a") == "1, 2"
    assert headers.get_all("A") == ["1", "2"]
    assert (headers["b"], headers.get("b", "default")) == ("", "")
    assert dict(headers) == {"a": "1, 2", "b": ""}
    assert len(headers) == 2


def test_what_is_absent_is_absent() -> None:
    headers = Headers([("a", "1")])
    assert headers.get("b") is None
    assert headers.get("b", "x") == "x"
    assert headers.get_all("b") == []
    assert "b" not in headers
    assert 5 not in headers
    with pytest.raises(KeyError):
        headers["b"]


def test_values_are_not_in_the_representation() -> None:
    assert repr(Headers([("authorization", "s3cr3t")])) == "Headers(['authorization'])"


@given(st.lists(st.tuples(st.binary(min_size=1), st.binary())))
def test_any_bytes_are_read_and_kept(pairs: list[tuple[bytes, bytes]]) -> None:
    headers = Headers(pairs)
    for name, value in pairs:
        assert value.decode("latin-1") in headers.get_all(name.decode("latin-1"))


def test_a_wsgi_environ_is_read() -> None:
    headers = from_environ(
        {
            "HTTP_X_GITHUB_EVENT": "push",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "5",
            "REQUEST_METHOD": "POST",
            "wsgi.input": object(),
        }
    )
    assert dict(headers) == {"x-github-event": "push", "content-type": "text/plain", "content-length": "5"}
    assert dict(from_environ({"CONTENT_TYPE": "", "CONTENT_LENGTH": ""})) == {}


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("000", 0),
        ("42", 42),
        ("0" * 5000 + "7", 7),
        ("9" * 5000, sys.maxsize),
        ("-1", None),
        ("+1", None),
        ("1, 1", None),
        ("1.0", None),
        ("\u0661", None),
        ("\xb2", None),
    ],
)
def test_an_announced_length_is_a_plain_number_or_nothing(text: str | None, size: int | None) -> None:
    assert announced_length(text) == size
