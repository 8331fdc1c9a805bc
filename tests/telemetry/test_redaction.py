"""What may leave the process, and what never does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.http.headers import Headers
from outworx_otel.telemetry.redaction import MAX_BODY_BYTES, REDACTED, Redactor, scrub


@pytest.mark.parametrize(
    "secret",
    [
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
        "rk_test_4eC39HqLyjWDarjtT1zdp7dc",
        "ohk_0123456789abcdef",
        "xoxb-17653672481-19874698323",
        "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dozjgNryP4J3jVmNHl0w5N",
        "Bearer 0123456789abcdef",
        "Basic dXNlcjpwYXNzd29yZA==",
    ],
)
def test_a_credential_is_told_by_its_shape(secret: str) -> None:
    assert scrub(f"before {secret} after") == f"before {REDACTED} after"
    assert secret not in scrub(f'{{"x":"{secret}"}}')


def test_a_password_in_a_url_is_taken_out() -> None:
    assert scrub("redis://user:pass@host/0") == f"redis://{REDACTED}@host/0"


@pytest.mark.parametrize(
    "text", ["charge.succeeded", "https://example.org:80/a", "eyJ alone", "sk_live", "Grüße", "a@b.c"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert scrub(text) == text


def test_lone_surrogates_are_replaced() -> None:
    assert scrub("a\ud800b") == "a?b"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("authorization", False),
        ("proxy-authorization", False),
        ("x-goog-iam-authority", True),
        ("x-author", True),
        ("cookie", False),
        ("x-hub-signature-256", False),
        ("stripe-signature", False),
        ("x-api-key", False),
        ("x-apikey", False),
        ("x-csrf-token", False),
        ("x-shopify-hmac-sha256", False),
        ("svix-id", True),
        ("svix-signature", False),
        ("x-slack-request-timestamp", True),
        ("user-agent", True),
        ("x-internal-user", False),
        ("x-internal", True),
    ],
)
def test_header_names_decide(name: str, shown: bool) -> None:
    redactor = Redactor(["X-Internal-*"])
    for _ in range(2):
        attributes: dict[str, Any] = {}
        assert redactor.add_headers(attributes, Headers([(name, "value")])) == 0
        assert attributes == {f"http.request.header.{name}": ("value" if shown else REDACTED,)}


def test_the_useful_headers_are_kept_first() -> None:
    flood = [(f"a{number:03}", "x") for number in range(100)]
    attributes: dict[str, Any] = {}
    headers = Headers([*flood, ("user-agent", "u"), ("x-github-event", "push")])
    assert Redactor().add_headers(attributes, headers) == 70
    assert len(attributes) == 32
    assert list(attributes)[:2] == ["http.request.header.user-agent", "http.request.header.x-github-event"]


@pytest.mark.parametrize(
    "pattern", ["[", "*", "(", "\\", "[!", "a.b", "body", "$", "body.", "$.", "body..a", "$.[", "body.*"]
)
def test_any_pattern_can_be_given(pattern: str) -> None:
    redactor = Redactor([pattern])
    redactor.add_headers({}, Headers([("x", "y")]))
    redactor.body(b'{"a": [1, {"b": 2}], "": {"": 1}}')


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("body.a.b", {"a": {"b": REDACTED, "c": 2}, "l": [{"p": 1}, {"p": 2}]}),
        ("$.a.*", {"a": {"b": REDACTED, "c": REDACTED}, "l": [{"p": 1}, {"p": 2}]}),
        ("body.l.*.p", {"a": {"b": 1, "c": 2}, "l": [{"p": REDACTED}, {"p": REDACTED}]}),
        ("body.l.1", {"a": {"b": 1, "c": 2}, "l": [{"p": 1}, REDACTED]}),
        ("body.l.7.p", {"a": {"b": 1, "c": 2}, "l": [{"p": 1}, {"p": 2}]}),
        ("body.a", {"a": REDACTED, "l": [{"p": 1}, {"p": 2}]}),
        ("body.x.y", {"a": {"b": 1, "c": 2}, "l": [{"p": 1}, {"p": 2}]}),
    ],
)
def test_paths_lead_into_objects_and_lists(pattern: str, expected: Any) -> None:
    raw = json.dumps({"a": {"b": 1, "c": 2}, "l": [{"p": 1}, {"p": 2}]}).encode()
    assert json.loads(Redactor([pattern]).body(raw)) == expected


def test_sensitive_names_are_hidden_at_any_depth() -> None:
    document = {
        "user": {
            "password": "x",
            "apiKey": "x",
            "tokens": ["x", {"kept": 1}],
            "author": "me",
            "session": None,
        },
        "list": [{"client_secret": 5}],
    }
    assert json.loads(Redactor().body(json.dumps(document).encode())) == {
        "user": {
            "password": REDACTED,
            "apiKey": REDACTED,
            "tokens": [REDACTED, {"kept": 1}],
            "author": "me",
            "session": None,
        },
        "list": [{"client_secret": REDACTED}],
    }


def test_a_body_with_nothing_to_hide_is_shown_as_it_came() -> None:
    raw = b'{ "b":1.50,\n "a" : "\\u00fc" }'
    assert Redactor().body(raw) == raw.decode()


@pytest.mark.parametrize("raw", [b'{"a":' * 5000 + b"1" + b"}" * 5000, b"[" * 200_000])
def test_a_body_that_is_too_deep_to_search_raises_nothing(raw: bytes) -> None:
    assert isinstance(Redactor(["body.a.a"]).body(raw), str)


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
@given(raw=st.binary(max_size=400))
def test_any_bytes_are_shown_within_bounds(kind: str, raw: bytes) -> None:
    assert len(Redactor(["body.*"]).body(raw, kind)) <= 2 * MAX_BODY_BYTES


def test_a_character_cut_in_two_by_the_limit_stays_text() -> None:
    raw = b"x" * (MAX_BODY_BYTES - 1) + "ü".encode()
    assert Redactor().body(raw) == "x" * (MAX_BODY_BYTES - 1)


def test_bytes_that_are_no_text_are_base64_within_the_limit() -> None:
    shown = Redactor().body(b"\xff" * 100_000)
    assert len(shown) <= MAX_BODY_BYTES
    assert base64.b64decode(shown) == b"\xff" * (MAX_BODY_BYTES * 3 // 4)


@given(
    fields=st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=8), max_size=4),
    hidden=st.text("0123456789abcdef", min_size=16, max_size=16),
)
def test_a_secret_in_a_form_never_shows(fields: dict[str, str], hidden: str) -> None:
    from urllib.parse import urlencode

    raw = urlencode([*fields.items(), ("password", hidden), ("user[api_key]", hidden)]).encode()
    assert hidden not in Redactor().body(raw, "application/x-www-form-urlencoded; charset=utf-8")


def test_what_is_remembered_of_header_names_is_bounded_in_bytes_too() -> None:
    redactor = Redactor()
    for number in range(40):
        redactor.add_headers({}, {f"{number}{'x' * 60_000}{each}": "v" for each in range(30)})
    assert sum(map(len, redactor._names)) < 100_000
