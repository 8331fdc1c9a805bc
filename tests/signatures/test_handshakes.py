"""Handshakes: each row against what its vendor publishes, and against strangers who ask for more."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from outworx_otel.http.body import Body
from outworx_otel.http.headers import Headers
from outworx_otel.signatures.handshake import (
    MAX_CHALLENGE,
    Confirmation,
    Handshake,
    HandshakeRequest,
    Keys,
    Refusal,
)
from outworx_otel.signatures.handshakes import handshakes_of, with_handshakes

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("handshakes.json").read_text())
ADDRESS = "https://example.com/hook"
SECRET = b"a-secret"
FULL = os.environ.get("OUTWORX_TEST_FULL") == "1"
EVERY_ROW = [(name, row) for name in with_handshakes() for row in handshakes_of(name)]
ROWS = pytest.mark.parametrize(
    ("name", "row"), EVERY_ROW, ids=[f"{name}-{row.method}-{row.proof}" for name, row in EVERY_ROW]
)


def asked(
    query: str = "", headers: Mapping[str, str] = {}, body: bytes = b"", url: str = ADDRESS
) -> HandshakeRequest:
    pairs = [(name.lower(), value) for name, value in headers.items()]
    return HandshakeRequest(
        Headers(pairs), lambda: f"{url}?{query}" if query else url, body, Body(body).parsed
    )


def answer_of(
    provider: str,
    request: HandshakeRequest,
    method: str = "POST",
    *,
    agreed: str = "",
    secret: bytes = SECRET,
    signed: bool = False,
) -> Confirmation | Refusal | None:
    """What the first row that fits answers, for an endpoint with what the row needs."""
    for row in handshakes_of(provider):
        usable = (not row.needs_token or agreed) and (row.proof != "signature" or signed)
        if row.method == method and usable and row.fits(request):
            keys = partial(Keys, secret, agreed, request.url.partition("?")[0])
            return row.answer(request, (agreed,) if agreed else (), keys)
    return None


@pytest.mark.parametrize(
    "vector", VECTORS, ids=[f"{vector['provider']}-{vector['method']}" for vector in VECTORS]
)
def test_a_handshake_is_answered_as_its_vendor_says(vector: dict[str, Any]) -> None:
    body = vector.get("body", "")
    raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    answer = answer_of(
        vector["provider"],
        asked(vector.get("query", ""), vector.get("headers", {}), raw, vector.get("url", ADDRESS)),
        vector["method"],
        agreed=vector.get("verify_token", ""),
        secret=vector.get("secret", "a-secret").encode(),
        signed=vector.get("signed", False),
    )
    assert isinstance(answer, Confirmation)
    headers = {name.lower(): value for name, value in answer.headers}
    assert answer.status == vector.get("status", 200)
    assert headers["x-content-type-options"] == "nosniff"
    for name, value in vector.get("answer", {}).items():
        assert headers[name] == value
    if "document" in vector:
        assert (headers["content-type"], json.loads(answer.body)) == (
            "application/json",
            vector["document"],
        )
    elif "text" in vector:
        assert (headers["content-type"], answer.body.decode()) == ("text/plain", vector["text"])
    else:
        assert answer.body == b""


@ROWS
def test_every_row_has_a_vector_and_a_vendors_source(name: str, row: Handshake) -> None:
    assert row.source.startswith("https://")
    assert any(vector["provider"] == name and vector["method"] == row.method for vector in VECTORS)


def test_a_row_that_signs_says_what_it_does_not_sign() -> None:
    signing = [row for _, row in EVERY_ROW if row.needs_secret]
    assert signing
    assert all(row.allowed != Handshake().allowed for row in signing)


HOSTILE = st.one_of(
    st.text(max_size=64),
    st.text(st.characters(codec="latin-1"), max_size=64),
    st.sampled_from(
        ["", "\r\nSet-Cookie: a=b", "<script>alert(1)</script>", "a" * 2000, "v0:1:{}", "\x00", "é"]
    ),
    st.integers(),
    st.none(),
    st.lists(st.text(max_size=4), max_size=3),
)


def _with(
    row: Handshake, path: str, value: Any, document: Any, query: dict[str, Any], headers: dict[str, str]
) -> Any:
    """A request's parts with a value at a path."""
    place, _, name = path.partition(".")
    if place == "query":
        query[name] = value
    elif place == "header":
        headers[name] = str(value)
    else:
        steps = name.split(".")
        here = document
        for step, following in pairwise(steps):
            inner: Any = [] if following.isdecimal() else {}
            if isinstance(here, list):
                here = here[0] if here else (here.append(inner) or inner)
            else:
                here = here.setdefault(step, inner)
        here[steps[-1]] = value
    return document


def hostile(row: Handshake, challenge: Any, token: str) -> HandshakeRequest:
    """The row's own question, with this challenge in it."""
    document: Any = [] if any(path.startswith("body.0") for path in row.when) else {}
    query: dict[str, Any] = {}
    headers: dict[str, str] = {}
    values = {**row.when, **dict.fromkeys(row.present, "x"), **({row.shared: token} if row.shared else {})}
    if row.challenge and row.challenge != row.shared:
        values[row.challenge] = challenge
    for path, value in values.items():
        document = _with(row, path, value, document, query, headers)
    encoded = urlencode({name: str(value).encode("utf-8", "surrogatepass") for name, value in query.items()})
    return asked(encoded, headers, json.dumps(document).encode())


@settings(max_examples=2000 if FULL else 150)
@given(row=st.sampled_from([row for _, row in EVERY_ROW]), challenge=HOSTILE)
def test_no_challenge_gets_more_out_of_a_row_than_itself(row: Handshake, challenge: Any) -> None:
    request = hostile(row, challenge, "vt")
    answer = row.answer(request, ("vt",), lambda: Keys(SECRET, "vt", ADDRESS)) if row.fits(request) else None
    if not isinstance(answer, Confirmation):
        return
    assert len(answer.body) <= 2 * MAX_CHALLENGE + 200
    for field, value in answer.headers:
        assert "\r" not in value
        assert "\n" not in value
        assert (field + value).isascii()
        assert field.lower() in {
            "allow", "content-type", "smartsheet-hook-response", "validation-token", "webhook-allowed-origin",
            "webhook-allowed-rate", "x-adobesign-clientid", "x-content-type-options", "x-hook-secret",
        }  # fmt: skip


JSON_TEXT = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=4,
).map(lambda value: json.dumps(value, separators=(",", ":")))


@given(body=JSON_TEXT)
def test_x_signs_nothing_that_is_json(body: str) -> None:
    answer = answer_of("x", asked(urlencode({"crc_token": body})), "GET")
    assert not isinstance(answer, Confirmation)


@pytest.mark.parametrize(
    "body", ["1e400", "NaN", "-Infinity", "true", "null", "-0", '"a"', "{}", "[]", "0x1"]
)
def test_x_signs_no_scalar_either(body: str) -> None:
    answer = answer_of("x", asked(urlencode({"crc_token": body})), "GET")
    forged = isinstance(answer, Confirmation)
    assert forged is (body == "0x1")


@given(body=st.binary(max_size=60), moment=st.integers(0, 2**33))
def test_zoom_signs_nothing_that_could_be_a_delivery(body: bytes, moment: int) -> None:
    token = f"v0:{moment}:{body.decode('latin-1')}"
    document = {"event": "endpoint.url_validation", "payload": {"plainToken": token}}
    for signed in (True, False):
        answer = answer_of("zoom", asked(body=json.dumps(document).encode()), signed=signed)
        assert isinstance(answer, Refusal)


@pytest.mark.parametrize(
    "challenge", ["abc", "g" * 24, "A" * 24, "a" * 33, "a" * 20 + "\n", "PD94bWwgdmVyc2lvbj0i"]
)
def test_braintree_signs_short_hex_alone(challenge: str) -> None:
    request = asked(urlencode({"bt_challenge": challenge}))
    assert isinstance(answer_of("braintree", request, "GET", agreed="public"), Refusal)


@given(body=st.text(max_size=60))
def test_linkedin_signs_nothing_that_could_be_a_delivery(body: str) -> None:
    query = urlencode({"challengeCode": f"hmacsha256={body}".encode("utf-8", "surrogatepass")})
    assert isinstance(answer_of("linkedin", asked(query), "GET"), Refusal)


def test_what_is_signed_for_zoom_verifies_no_delivery() -> None:
    from outworx_otel.signatures import verify

    document = {"event": "endpoint.url_validation", "payload": {"plainToken": "abc"}}
    answer = answer_of("zoom", asked(body=json.dumps(document).encode()))
    assert isinstance(answer, Confirmation)
    made = json.loads(answer.body)["encryptedToken"]
    assert made == hmac.new(SECRET, b"abc", hashlib.sha256).hexdigest()
    headers = {"x-zm-signature": f"v0={made}", "x-zm-request-timestamp": "1790000000"}
    assert not verify("zoom", b"abc", headers, SECRET, now=1790000000)


@pytest.mark.parametrize(
    ("provider", "request_", "method"),
    [
        ("dropbox", asked("challenge=one&challenge=two"), "GET"),
        ("meta", asked("hub.mode=subscribe&hub.verify_token=vt&hub.challenge=a&hub.verify_token=no"), "GET"),
        ("dropbox", asked("challenge=" + "a" * 1025), "GET"),
        ("dropbox", asked("challenge=%0d%0aX"), "GET"),
        ("dropbox", asked("challenge="), "GET"),
        ("monday", asked(body=b'{"challenge": ["x"]}'), "POST"),
        ("okta", asked(headers={"x-okta-verification-challenge": "caf\xe9"}), "GET"),
    ],
)
def test_what_is_not_one_plain_challenge_is_refused(
    provider: str, request_: HandshakeRequest, method: str
) -> None:
    assert isinstance(answer_of(provider, request_, method, agreed="vt"), Refusal)


@pytest.mark.parametrize(
    ("provider", "request_", "method"),
    [
        ("meta", asked("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=vt"), "GET"),
        ("meta", asked("hub.challenge=1&hub.verify_token=vt"), "GET"),
        ("monday", asked(body=b'{"challenge": "x", "event": {}}'), "POST"),
        ("notion", asked(body=b'{"verification_token": "secret_12345", "id": "1"}'), "POST"),
        ("discord", asked(body=b'{"type": 1, "event": {"type": "ENTITLEMENT_CREATE"}}'), "POST"),
        ("discord", asked(body=b'{"type": true}'), "POST"),
        ("discord", asked(body=b'{"type": 2, "data": {"type": 1}}'), "POST"),
        ("woocommerce", asked(body=b"webhook_id=5&id=1"), "POST"),
        ("woocommerce", asked(body=b"webhook_id=5", headers={"x-wc-webhook-signature": "x"}), "POST"),
        ("xero", asked(body=b'{"events": [{}], "entropy": "x"}'), "POST"),
        ("slack", asked(body=b'{"type": "event_callback", "event": {"text": "url_verification"}}'), "POST"),
        ("slack", asked(body=b'{"type": "url_verification", "challenge": "%s"}' % (b"x" * 20_000)), "POST"),
        ("event_grid", asked(body=b"[]", headers={"aeg-event-type": "SubscriptionValidation"}), "POST"),
        ("dropbox", asked("&".join(f"a{n}=" for n in range(100)) + "&challenge=x"), "GET"),
        ("dropbox", asked("a=" + "a" * 9000 + "&challenge=x"), "GET"),
    ],
)
def test_a_delivery_is_no_handshake(provider: str, request_: HandshakeRequest, method: str) -> None:
    assert answer_of(provider, request_, method, agreed="vt", signed=True) is None


@pytest.mark.parametrize("given_", ["", "no", "VT", "vt ", "vt\x00", "\udcff", "wé"])
def test_another_verify_token_confirms_nothing(given_: str) -> None:
    query = urlencode(
        {
            "hub.mode": "subscribe",
            "hub.challenge": "1158201444",
            "hub.verify_token": given_.encode("utf-8", "surrogatepass"),
        }
    )
    answer = answer_of("meta", asked(query), "GET", agreed="vt")
    assert isinstance(answer, Refusal)
    assert (answer.status, answer.reason) == (403, "credentials_mismatch")
    assert "vt" not in answer.hint.split()


def test_a_topic_that_nobody_asked_for_is_answered_404() -> None:
    query = urlencode({"hub.mode": "subscribe", "hub.topic": "https://evil.example/", "hub.challenge": "c"})
    answer = answer_of("websub", asked(query), "GET", agreed="https://example.com/feed")
    assert isinstance(answer, Refusal)
    assert answer.status == 404


def test_the_name_of_a_provider_may_be_spelt_as_elsewhere() -> None:
    assert handshakes_of("Microsoft-Graph") == handshakes_of("microsoft_graph") != ()
    assert handshakes_of("acme") == ()


def test_xs_answer_is_what_a_signature_over_the_token_would_be() -> None:
    answer = answer_of("x", asked("crc_token=abc"), "GET")
    assert isinstance(answer, Confirmation)
    digest = base64.b64encode(hmac.new(SECRET, b"abc", hashlib.sha256).digest()).decode()
    assert json.loads(answer.body) == {"response_token": f"sha256={digest}"}
