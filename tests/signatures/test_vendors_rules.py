"""What single vendors' rules say beyond their vectors."""

# ruff: noqa: S105 - the secrets are made up
from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import urlencode

import pytest

from outworx_otel.signatures import KnownSecret, SignatureScheme, Verifier, sign, sign_request, verify
from outworx_otel.signatures.checker import Checker
from outworx_otel.signatures.evidence import as_headers
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.providers.box.procedure import escaped
from outworx_otel.signatures.timestamps import read_timestamp

from .deliveries import BODY, NOW, URL, WHSEC, delivery_of

SECRET = "a secret of the test"


@pytest.mark.parametrize(
    ("provider", "good", "bad"),
    [
        ("box", (0, 600), (-1, 601)),
        ("contentful", (-3600, 29.9), (30,)),
        ("cloudinary", (-3600, 7200), (7201,)),
        ("calendly", (-3600, 180), (181,)),
        ("recurly", (-300, 300), (-301, 301)),
        ("hook0", (-300, 300), (-301, 301)),
        ("mercado_pago", (-1e6, 1e6), ()),
    ],
)
def test_windows_are_the_vendors(provider: str, good: tuple[float, ...], bad: tuple[float, ...]) -> None:
    delivery = delivery_of(provider)
    verifier = Verifier(provider, delivery.secret)

    def reason(age: float) -> str | None:
        return verifier.verify(delivery.body, delivery.headers, url=delivery.url, now=NOW + age).reason

    assert [reason(age) for age in good] == [None] * len(good)
    assert [reason(age) for age in bad] == ["timestamp_drift"] * len(bad)


@pytest.mark.parametrize(("text", "seconds"), [("1790000000", 1.79e9), ("1790000000123", 1790000000.123)])
def test_thirteen_digits_are_milliseconds_where_the_unit_is_open(text: str, seconds: float) -> None:
    assert read_timestamp(text, "auto") == seconds


def test_what_box_escapes_is_taken_as_well() -> None:
    escaped = rb'{"n":"Zo\u00eb \\n\ud83d\ude00"}'
    body = '{"n":"Zoë \\n😀"}'.encode()
    headers = sign("box", escaped, SECRET, now=NOW)

    assert verify("box", body, headers, SECRET, now=NOW)
    assert not verify("box", body + b" ", headers, SECRET, now=NOW)
    assert verify("box", body, {**headers, "box-signature-version": "2"}, SECRET).reason == "malformed_header"


@pytest.mark.parametrize(
    ("sent", "signed"),
    [
        (r'{"a":"\\/ \/ / \n"}', r'{"a":"\\\/ \/ / \\n"}'),
        ("a\r\n\tb\u0001", "a\\r\\n\\tb\\u0001"),
        ("Zoë 😀", "Zo\\u00eb \\ud83d\\ude00"),
    ],
)
def test_box_escapes_as_its_library(sent: str, signed: str) -> None:
    assert escaped(sent.encode()) == signed.encode()


def test_a_time_in_the_future_is_refused_on_both_ways_where_only_the_past_counts() -> None:
    scheme = SignatureScheme(
        provider="acme",
        signature_header="x-acme",
        timestamp_header="x-time",
        message="{timestamp}.{body}",
        tolerance=60,
        window="elapsed",
    )
    checker = Checker(scheme, ((0, SECRET),), None)
    assert checker.express is not None
    signed = hmac.digest(SECRET.encode(), b"1790000000." + BODY, "sha256").hex()
    headers = as_headers({"x-acme": signed, "x-time": "1790000000"})

    for age, reason in ((0, None), (60, None), (-0.5, "timestamp_drift"), (61, "timestamp_drift")):
        short = checker.express(BODY, headers, NOW + age)
        assert short is not None
        assert short.reason == checker.check(SignedRequest(BODY, headers), NOW + age).reason == reason


def test_hook0s_header_names_no_more_headers_than_a_request_has() -> None:
    header = f"t={int(NOW)},h={'x-long ' * 33},v1={'00' * 32}"

    result = verify("hook0", BODY, {"x-hook0-signature": header, "x-long": "x"}, SECRET, now=NOW)

    assert result.reason == "malformed_header"


def test_hook0s_newer_signature_counts_where_both_are_sent() -> None:
    new = sign("hook0", BODY, SECRET, now=NOW)
    old = f"t={int(NOW)},v0={'00' * 32}"

    assert verify(
        "hook0", BODY, {**new, "x-hook0-signature": f"{new['x-hook0-signature']},v0=00"}, SECRET, now=NOW
    )
    assert verify("hook0", BODY, {"x-hook0-signature": old}, SECRET, now=NOW).reason == "hmac_mismatch"
    changed = {**new, "x-event-id": "another"}
    assert verify("hook0", BODY, changed, SECRET, now=NOW).reason == "hmac_mismatch"


def test_an_answer_to_braintrees_challenge_is_no_signature_of_a_payload() -> None:
    key = hashlib.sha1(SECRET.encode(), usedforsecurity=False).digest()
    for payload, reason in (("20f9f8ed05f77439fe955c977e4c8a53", "malformed_header"), ("PG4+", None)):
        answer = f"a_public_key|{hmac.digest(key, payload.encode(), 'sha1').hex()}"
        body = urlencode({"bt_signature": answer, "bt_payload": payload})

        assert verify("braintree", body, {}, SECRET).reason == reason


def test_a_second_payload_beside_braintrees_is_refused() -> None:
    signed = sign_request("braintree", b"bt_payload=PG4%2B%0A", SECRET)

    assert verify("braintree", signed.body, {}, SECRET)
    assert verify("braintree", signed.body + b"&bt_payload=AAAA", {}, SECRET).reason == "malformed_header"


def test_mercado_pago_signs_ids_in_either_case_and_proves_the_sender_alone() -> None:
    url = "https://shop.example/in?data.id=ORD1"
    lower = sign("mercado_pago", BODY, SECRET, url=url.lower(), now=NOW)

    assert verify("mercado_pago", BODY, lower, SECRET, url=url).kind == "authenticated"
    assert verify("mercado_pago", BODY, lower, SECRET, url=url + "2").reason == "hmac_mismatch"
    assert "none was given" in (verify("mercado_pago", BODY, lower, SECRET).hint or "")


@pytest.mark.parametrize("provider", ["plivo", "mandrill"])
def test_a_body_that_is_no_form_is_not_covered(provider: str) -> None:
    headers = {**sign(provider, b"", SECRET, url=URL), "content-type": "application/json"}

    assert verify(provider, b"", headers, SECRET, url=URL)
    result = verify(provider, b'{"a":1}', headers, SECRET, url=URL)
    assert (result.reason, "form" in (result.hint or "")) == ("hmac_mismatch", True)


def test_contentful_signs_the_headers_that_it_names() -> None:
    headers = sign("contentful", BODY, SECRET, url=URL, now=NOW)
    unnamed = {**headers, "x-contentful-signed-headers": "x-contentful-timestamp"}
    more = {**headers, "x-contentful-signed-headers": headers["x-contentful-signed-headers"] + ",x-mine"}

    assert verify("contentful", BODY, unnamed, SECRET, url=URL, now=NOW).reason == "malformed_header"
    assert verify("contentful", BODY, more, SECRET, url=URL, now=NOW).reason == "missing_header"
    assert (
        verify("contentful", BODY, {**more, "x-mine": "1"}, SECRET, url=URL, now=NOW).reason
        == "hmac_mismatch"
    )


def test_a_plain_hash_is_compared_by_its_length_and_never_extended() -> None:
    headers = sign("cloudinary", BODY, SECRET, now=NOW)

    assert len(headers["x-cld-signature"]) == 40
    assert verify("cloudinary", BODY, headers, SECRET, now=NOW)
    for cut in ("", headers["x-cld-signature"][:38]):
        wrong = {**headers, "x-cld-signature": cut}
        assert verify("cloudinary", BODY, wrong, SECRET, now=NOW).reason == "malformed_header"


@pytest.mark.parametrize(
    ("provider", "spoil", "words"),
    [
        ("hygraph", "quotes", "quotes"),
        ("lark", "another", "secret of /b"),
        ("cloudinary", "body", "indented by 2"),
        ("contentful", "body", "indented by 2"),
        ("keygen", "body", "indented by 2"),
        ("keygen", "proxy", "set public_url"),
        ("sinch_voice", "slash", "set public_url"),
        ("mandrill", "proxy", "set public_url"),
        ("braintree", "newline", "newline round it"),
    ],
)
def test_causes_are_proved_for_procedures_as_for_templates(provider: str, spoil: str, words: str) -> None:
    delivery = delivery_of(provider)
    body, headers, url, secret = delivery.body, dict(delivery.headers), delivery.url, delivery.secret
    if spoil == "quotes":
        secret = f'"{secret}"'
    elif spoil == "newline":
        secret += "\n"
    elif spoil == "another":
        secret = "mine"
    elif spoil == "body":
        body = json.dumps(json.loads(body), indent=2).encode()
        # What is signed is compact, so that is what has to be said.
        body, headers = delivery.body, delivery_of(provider, body).headers
    elif spoil == "proxy":
        headers["x-forwarded-host"], url = (
            "example.com",
            URL.replace("https://example.com", "http://10.0.0.7"),
        )
    else:
        url = URL.replace("/in", "/in/")
    known = [KnownSecret("/b", provider, delivery.secret)]

    result = Verifier(provider, secret, known_secrets=lambda: known).verify(body, headers, url=url, now=NOW)

    assert not result.valid
    assert words in (result.hint or ""), result
    assert WHSEC not in (result.hint or "")
