"""Mistaken secrets, headers and URLs are explained when the explanation proves itself, and else not."""

from __future__ import annotations

import hmac
import time

import pytest

from outworx_otel.signatures import KnownSecret, Verifier, sign, verify

from .deliveries import BODY, WHSEC
from .diagnosed import COMPACT, SECRET, diagnosed


@pytest.mark.parametrize(
    ("configured", "words"),
    [
        (SECRET + "\n", "white space"),
        ("  " + SECRET, "white space"),
        (f'"{SECRET}"', "quotes"),
        (f"'{SECRET}'\n", "quotes"),
        (SECRET + "\\n", "escaped newline"),
        (f"WEBHOOK_SECRET={SECRET}", "variable's name"),
        (f"export WEBHOOK_SECRET='{SECRET}'", "variable's name"),
    ],
)
def test_the_right_secret_in_the_wrong_clothes_is_proved(configured: str, words: str) -> None:
    assert words in (diagnosed(COMPACT, COMPACT, configured=configured).hint or "")


@pytest.mark.parametrize(
    ("provider", "secret", "configured", "words"),
    [
        ("github", "abcd", "whsec_abcd", "without its whsec_"),
        ("stripe", "whsec_abcd", "abcd", "with whsec_ in front"),
        ("github", bytes(range(16)), bytes(range(16)).hex(), "signs as hex"),
        ("github", b"0123456789abcdef", "MDEyMzQ1Njc4OWFiY2RlZg==", "signs as base64"),
        ("svix", b"plain", b"plain".hex(), "signs as"),
    ],
)
def test_a_secret_in_another_form_is_proved(provider: str, secret: str, configured: str, words: str) -> None:
    if provider == "svix":
        secret, configured = b"cGxhaW4gdGV4dA==", "cGxhaW4gdGV4dA=="  # type: ignore[assignment]  # bytes are raw

    assert words in (
        diagnosed(COMPACT, COMPACT, provider=provider, secret=secret, configured=configured).hint or ""
    )


def test_the_secret_of_another_endpoint_is_proved_and_named() -> None:
    known = (
        KnownSecret("/hooks/unusable", "adyen", "not hex"),
        KnownSecret("/hooks/us", "stripe", ["whsec_no", SECRET]),
    )

    result = diagnosed(COMPACT, COMPACT, provider="stripe", configured="whsec_mine", known=known)

    assert "/hooks/us (stripe)" in (result.hint or "")


@pytest.mark.parametrize(
    ("provider", "configured", "words"),
    [
        ("stripe", "sk_live_abc", "live API key"),
        ("stripe", "sk_test_abc", "test API key"),
        ("slack", "xoxb-1", "xoxb-"),
    ],
)
def test_an_api_key_in_the_place_of_the_secret_is_recognised(
    provider: str, configured: str, words: str
) -> None:
    assert words in (diagnosed(COMPACT, COMPACT, provider=provider, configured=configured).hint or "")


def test_the_sha1_header_of_github_is_proved_when_it_was_passed_or_alone() -> None:
    old = "sha1=" + hmac.new(SECRET.encode(), COMPACT, "sha1").hexdigest()

    passed = verify("github", COMPACT, {"X-Hub-Signature-256": old}, SECRET)
    alone = verify("github", COMPACT, {"X-Hub-Signature": old}, SECRET)
    forged = verify("github", COMPACT + b" ", {"X-Hub-Signature": old}, SECRET)

    assert (passed.reason, "SHA-1" in (passed.hint or "")) == ("malformed_header", True)
    assert (alone.reason, "SHA-1" in (alone.hint or "")) == ("missing_header", True)
    assert (forged.reason, "SHA-1" in (forged.hint or "")) == ("missing_header", False)


def test_another_providers_header_is_pointed_out() -> None:
    result = verify("github", BODY, sign("stripe", BODY, SECRET), SECRET)

    assert result.reason == "missing_header"
    assert "Stripe" in (result.hint or "")


@pytest.mark.parametrize(
    ("seen", "headers"),
    [
        ("http://hooks.example.com/in?t=1", {}),
        ("https://hooks.example.com:8443/in?t=1", {}),
        ("https://hooks.example.com/in/?t=1", {}),
        (
            "http://10.0.0.7:8000/in?t=1",
            {"x-forwarded-host": "hooks.example.com", "x-forwarded-proto": "https"},
        ),
        ("http://10.0.0.7/in?t=1", {"forwarded": 'for=1.2.3.4;host="hooks.example.com";proto=https'}),
        ("http://10.0.0.7:8000/in?t=1", {"host": "hooks.example.com"}),
    ],
)
def test_the_url_before_the_proxy_is_proved_and_its_query_kept_out(
    seen: str, headers: dict[str, str]
) -> None:
    signed = sign("square", COMPACT, SECRET, url="https://hooks.example.com/in?t=1")

    result = verify("square", COMPACT, {**signed, **headers}, SECRET, url=seen)

    assert "https://hooks.example.com/in," in (result.hint or "")
    assert "t=1" not in (result.hint or "")


def test_a_missing_url_is_said() -> None:
    signed = sign("square", COMPACT, SECRET, url="https://hooks.example.com/in")

    assert "public_url" in (verify("square", COMPACT, signed, SECRET).hint or "")


@pytest.mark.parametrize(
    ("provider", "factor", "words"), [("stripe", 1000, "milliseconds"), ("workos", 0.001, "seconds")]
)
def test_milliseconds_for_seconds_are_recognised(provider: str, factor: float, words: str) -> None:
    now = time.time()
    headers = sign(provider, COMPACT, SECRET, now=now * factor)

    result = verify(provider, COMPACT, headers, SECRET, now=now)

    assert result.reason == "timestamp_drift"
    assert f"is in {words}" in (result.hint or "")


def test_what_proves_nothing_stays_a_mismatch_without_claims() -> None:
    result = diagnosed(COMPACT, COMPACT, configured="another")

    assert result.reason == "hmac_mismatch"
    assert "Proved" not in (result.hint or "")


def test_a_diagnosis_never_makes_an_invalid_delivery_valid_nor_reveals_the_secret() -> None:
    headers = sign("svix", COMPACT, WHSEC)

    result = Verifier("svix", "whsec_QUJD", known_secrets=lambda: [KnownSecret("/x", "svix", WHSEC)]).verify(
        COMPACT, headers
    )

    assert not result
    assert result.key_index is None
    assert WHSEC[6:] not in (result.hint or "")
    assert headers["svix-signature"][3:] not in (result.hint or "")


def test_known_secrets_that_cannot_be_read_do_not_hide_the_verdict() -> None:
    def broken() -> list[KnownSecret]:
        raise RuntimeError("registry is gone")

    result = Verifier("github", "a", known_secrets=broken).verify(COMPACT, sign("github", COMPACT, SECRET))

    assert result.reason == "hmac_mismatch"
