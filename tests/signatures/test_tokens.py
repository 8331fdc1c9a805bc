"""Signed tokens (JWT): the row says what counts, the token does not."""

# ruff: noqa: S105 - the secrets are made up
from __future__ import annotations

import base64
import hashlib
import hmac
import json
import math
import string
from typing import Any

import pytest

from outworx_otel.signatures import KnownSecret, Verifier, scheme_for, sign, verify

from .deliveries import BODY, NOW, RSA_PRIVATE, RSA_PUBLIC, URL, delivery_of

SECRET = "a secret of at least thirty-two characters"
_ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
CLAIMS = {"iss": "netlify", "sha256": hashlib.sha256(BODY).hexdigest()}


def _reason(token: str, body: bytes = BODY) -> str | None:
    return verify("netlify", body, {"x-webhook-signature": token}, SECRET, now=NOW).reason


def _token(claims: dict[str, Any], header: dict[str, Any] | None = None, digest: str = "sha256") -> str:
    parts = ({"alg": "HS256"} if header is None else header, {**CLAIMS, **claims})
    signed = ".".join([_base64url(json.dumps(part).encode()) for part in parts])
    return f"{signed}.{_base64url(hmac.digest(SECRET.encode(), signed.encode(), digest))}"


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"},
        {"alg": "HS512"},
        {"alg": "RS256"},
        {"alg": ["HS256"]},
        {"alg": "hs256"},
        {},
        {"alg": None},
    ],
)
def test_the_token_does_not_choose_its_algorithm(header: dict[str, Any]) -> None:
    for digest in ("sha256", "sha512"):
        assert _reason(_token({}, header, digest)) == "malformed_header"
    assert _reason(_token({}, header).rpartition(".")[0] + ".") == "malformed_header"


def test_a_public_key_is_no_secret_for_an_hmac() -> None:
    signed = f"{_base64url(json.dumps({'alg': 'HS256'}).encode())}.{_base64url(json.dumps({'data': '{}'}).encode())}"
    forged = _base64url(hmac.digest(RSA_PUBLIC.encode(), signed.encode(), "sha256"))

    assert verify("wix", f"{signed}.{forged}", {}, RSA_PUBLIC, now=NOW).reason == "malformed_header"


def test_an_extension_that_must_be_understood_is_not() -> None:
    assert _reason(_token({}, {"alg": "HS256"})) is None
    assert _reason(_token({}, {"alg": "HS256", "crit": ["exp"], "exp": 1})) == "malformed_header"


def test_each_signature_has_one_spelling() -> None:
    token = _token({})
    # The last character of 32 bytes has two bits that say nothing.
    again = token[:-1] + _ALPHABET[_ALPHABET.index(token[-1]) ^ 1]

    assert _reason(token) is None
    assert _reason(again) == "malformed_header"
    assert _reason(token + "!") == "malformed_header"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "another"}, "hmac_mismatch"),
        ({"sha256": None}, "hmac_mismatch"),
        ({"sha256": 7}, "hmac_mismatch"),
        ({"exp": "soon"}, "malformed_header"),
        ({"exp": True}, "malformed_header"),
        ({"exp": 10**400}, "malformed_header"),
        ({"exp": math.nan}, "malformed_header"),
    ],
)
def test_what_the_claims_say_must_be_so(claims: dict[str, Any], reason: str) -> None:
    assert _reason(_token(claims)) == reason


@pytest.mark.parametrize("provider", ["livekit", "qstash", "messagebird", "jira_connect", "monday"])
def test_a_token_counts_until_it_expires_by_the_providers_leeway(provider: str) -> None:
    delivery = delivery_of(provider)
    leeway = scheme_for(provider).tolerance  # type: ignore[union-attr]  # it has a row

    def at(moment: float, tolerance: float | None = None) -> Any:
        verifier = Verifier(provider, delivery.secret, tolerance=tolerance)
        return verifier.verify(delivery.body, delivery.headers, url=delivery.url, now=moment)

    assert at(NOW + 299 + leeway)
    late = at(NOW + 300 + leeway)
    assert (late.reason, late.signed_at) == ("timestamp_drift", NOW)
    assert "expired" in (late.hint or "")
    assert at(NOW + 86_400, tolerance=math.inf)
    early = at(NOW - 1 - leeway)
    assert early.reason == "timestamp_drift"
    assert "slow" in (early.hint or "")


def test_a_token_that_must_expire_and_does_not_is_malformed() -> None:
    token = _token({"sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode()})

    for provider, word in (("livekit", ""), ("jira_connect", "JWT ")):
        result = verify(provider, BODY, {"authorization": word + token}, SECRET, url=URL, now=NOW)
        assert result.reason == "malformed_header"


def test_the_url_of_a_token_is_the_one_that_was_called() -> None:
    headers = sign("qstash", BODY, SECRET, url=URL, now=NOW)

    result = verify("qstash", BODY, headers, SECRET, url=URL.replace("example.com", "10.0.0.7"), now=NOW)
    behind = {**headers, "x-forwarded-host": "example.com"}
    proved = verify(
        "qstash", BODY, behind, SECRET, url=URL.replace("https://example.com", "http://10.0.0.7"), now=NOW
    )

    assert (result.reason, "another URL" in (result.hint or "")) == ("hmac_mismatch", True)
    assert "set public_url" in (proved.hint or "")
    assert "none was given" in (verify("qstash", BODY, headers, SECRET, now=NOW).hint or "")


def test_causes_are_proved_for_tokens_as_for_other_signatures() -> None:
    delivery = delivery_of("livekit", b'{"id":"evt_1","n":[1,2.5]}')
    spaced = json.dumps(json.loads(delivery.body)).encode()
    other = Verifier(
        "livekit", "not the secret", known_secrets=lambda: [KnownSecret("/b", "livekit", delivery.secret)]
    )

    assert verify("livekit", spaced, delivery.headers, delivery.secret, now=NOW).reason == "parsed_body"
    assert "quotes" in (
        verify("livekit", delivery.body, delivery.headers, f'"{delivery.secret}"', now=NOW).hint or ""
    )
    assert "secret of /b" in (other.verify(delivery.body, delivery.headers, now=NOW).hint or "")


def test_a_token_of_rsa_is_the_body() -> None:
    delivery = delivery_of("wix")
    header, claims, signature = delivery.body.split(b".")

    assert delivery.verified().kind == "verified"
    assert delivery.verified(body=b".".join([header, claims[:-2] + b"AA", signature])).reason in (
        "hmac_mismatch",
        "malformed_header",
    )
    assert delivery.verified(body=b'{"data":"{}"}').reason == "malformed_header"
    encoded = base64.b64encode(RSA_PUBLIC.encode()).decode()
    assert verify("wix", delivery.body, {}, encoded, now=NOW)
    assert RSA_PRIVATE not in repr(delivery.verified())


def _base64url(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
