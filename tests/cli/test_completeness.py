"""Which stored deliveries can be sent again: only those whose every byte is there."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.cli.trigger.samples import find, render
from outworx_otel.server.replay import completeness
from outworx_otel.telemetry.redaction import MAX_BODY_BYTES, Redactor


def _delivery(body: bytes, *, content_type: str = "application/json", **more: Any) -> dict[str, Any]:
    """What a server has of a delivery whose body an application captured."""
    return {
        "provider": "github",
        "http.request.method": "POST",
        "url.path": "/webhooks/github",
        "http.request.body.size": len(body),
        "request.body": Redactor().body(body, content_type),
        "http.request.header.content-type": [content_type],
        **more,
    }


@pytest.mark.parametrize(
    "body",
    [b'{"ref":"main"}', b"", b" ", "größe 🐝".encode(), bytes(range(256)), b"\xff", b"YWJj", b'{"a": 1}\r\n'],
)
def test_a_whole_body_comes_back_to_the_byte(body: bytes) -> None:
    found = completeness(_delivery(body))

    assert found.reason is None
    assert found.request is not None
    assert found.request.body == body


def test_an_unusual_method_is_sent_as_it_came() -> None:
    unusual = {"http.request.method": "_OTHER", "http.request.method_original": "REPORT"}
    found = completeness(_delivery(b"{}", **unusual))

    assert found.request is not None
    assert found.request.method == "REPORT"


@given(body=st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_a_captured_body_comes_back_exactly_or_not_at_all(body: bytes) -> None:
    found = completeness(_delivery(body))

    assert (found.request is None) == (found.reason is not None)
    assert found.request is None or found.request.body == body


@pytest.mark.parametrize(
    ("delivery", "said"),
    [
        (_delivery(b'{"password":"x"}'), "were redacted"),
        (_delivery(b'{"note":"Bearer abcdefghijkl"}'), "were redacted"),
        (_delivery(b"x" * (MAX_BODY_BYTES + 1)), f"not all of its {MAX_BODY_BYTES + 1} bytes are there"),
        (_delivery(b"\xff" * 60_000), "not all of its 60000 bytes are there"),
        (_delivery(b"abc", **{"request.body": None}), "the body was not stored; set capture_body"),
        (_delivery(b"abc", **{"http.request.body.size": None}), "the size of the body was not recorded"),
        (_delivery(b"abc", **{"request.body": "abcdef"}), "is not what was received"),
        (_delivery(b"abc", **{"url.path": None}), "method or path was not stored"),
        ({"body_base64": "@@@", "method": "POST", "path": "/x"}, "no base64"),
        ({}, "size of the body was not recorded"),
    ],
)
def test_what_is_not_whole_is_refused_in_plain_words(delivery: dict[str, Any], said: str) -> None:
    found = completeness(delivery)

    assert found.request is None
    assert said in (found.reason or "")


def test_a_tunnelled_delivery_is_exact() -> None:
    body = bytes(range(256)) + b"[redacted]"
    found = completeness(
        {
            "provider": "stripe",
            "method": "POST",
            "path": "/hooks/a%20b",
            "query_string": "x=1&x=2",
            "headers": [["X-Twice", "1"], ["X-Twice", "2"]],
            "body_base64": base64.b64encode(body).decode(),
        }
    )

    assert found.request is not None
    assert found.request.body == body
    assert (found.request.path, found.request.query) == ("/hooks/a%20b", "x=1&x=2")
    assert found.request.headers == (("X-Twice", "1"), ("X-Twice", "2"))


def test_redacted_and_cut_headers_are_left_out_and_the_events_own_put_back() -> None:
    delivery = _delivery(
        b"{}",
        provider="twilio",
        **{
            "event.id": "EV1",
            "http.request.header.authorization": ["[redacted]"],
            "http.request.header.x-long": ["x" * 1024],
            "http.request.header.x-kept": ["one", "two"],
            "http.request.header.i-twilio-idempotency-token": ["[redacted]"],
        },
    )

    found = completeness(delivery)

    assert found.request is not None
    assert dict(found.request.headers) == {
        "content-type": "application/json",
        "x-kept": "two",
        "i-twilio-idempotency-token": "EV1",
    }
    assert found.request.headers.count(("x-kept", "one")) == 1


def test_what_slack_sends_holds_a_token_and_is_refused_for_it() -> None:
    body = render(find("slack", "message"), 1_790_000_000.0).body

    assert "redacted" in (completeness(_delivery(body)).reason or "")


@given(
    document=st.dictionaries(
        st.sampled_from(
            [
                "provider",
                "request.body",
                "http.request.body.size",
                "http.request.method",
                "url.path",
                "headers",
            ]
        )
        | st.text(max_size=12).map("http.request.header.{}".format),
        st.none()
        | st.integers()
        | st.text(max_size=20)
        | st.lists(st.text(max_size=8), max_size=3)
        | st.booleans(),
        max_size=8,
    )
)
def test_any_document_is_judged_and_none_raises(document: dict[str, Any]) -> None:
    found = completeness(document)

    assert (found.request is None) == (found.reason is not None)
