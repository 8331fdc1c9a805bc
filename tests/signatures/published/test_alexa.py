"""Requests to an Alexa skill: whose certificate counts, for which skill, and for how long."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from support.key_server import Authority, KeyServer, Published, Signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

NOW = 1_790_000_000
SKILL = "amzn1.ask.skill.1a2b3c4d-0000-4000-8000-0123456789ab"
URL = "https://s3.amazonaws.com/echo.api/echo-api-cert-13.pem"
NAME = "echo-api.amazon.com"


def body(kind: str = "LaunchRequest", at: float = NOW, skill: str = SKILL) -> bytes:
    """What Alexa sends."""
    moment = datetime.datetime.fromtimestamp(at, datetime.timezone.utc)
    request = {"type": kind, "requestId": "r", "timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}"}
    context = {"System": {"application": {"applicationId": skill}}}
    return json.dumps({"version": "1.0", "context": context, "request": request}).encode()


def headers(signer: Signer, signed: bytes, url: str = URL) -> dict[str, str]:
    """With which it sends this."""
    signature = signer.private.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return {"SignatureCertChainUrl": url, "Signature-256": base64.b64encode(signature).decode()}


def publish(
    server: KeyServer, signer: Signer, authority: Authority | None = None, name: str = NAME, days: int = 30
) -> None:
    """Publishes a certificate for that name, good for so many days more."""
    issued = (authority or server.signing).issue(signer.private.public_key(), name, days)
    server.published[URL] = Published(issued)


@pytest.mark.parametrize("url", [URL, URL.replace("amazonaws.com", "amazonaws.com:443")])
def test_a_request_for_the_skill_is_verified_by_a_certificate_of_alexas(
    key_server: KeyServer, signer: Signer, url: str
) -> None:
    publish(key_server, signer)

    result = verify("alexa", body(), headers(signer, body(), url), ["amzn1.ask.skill.other", SKILL], now=NOW)

    assert (result.valid, result.kind, result.key_index, result.signed_at) == (True, "verified", 1, NOW)
    assert key_server.urls == [URL]


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (body(skill="amzn1.ask.skill.other"), "credentials_mismatch"),
        (body(at=NOW - 151), "timestamp_drift"),
        (body(at=NOW + 151), "timestamp_drift"),
        (body("AlexaSkillEvent.SkillEnabled", NOW - 3601), "timestamp_drift"),
        (body().replace(b'"timestamp"', b'"time"'), "malformed_header"),
        (body().replace(b'"version"', b'"request": {}, "version"'), "malformed_header"),
        (b"[]", "malformed_header"),
    ],
)
def test_a_signed_request_of_another_skill_or_time_is_refused(
    key_server: KeyServer, signer: Signer, sent: bytes, reason: str
) -> None:
    publish(key_server, signer)

    assert verify("alexa", sent, headers(signer, sent), SKILL, now=NOW).reason == reason


def test_an_event_of_the_skill_has_an_hour(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, signer)
    sent = body("AlexaSkillEvent.SkillEnabled", NOW - 3599)

    assert verify("alexa", sent, headers(signer, sent), SKILL, now=NOW)


def test_another_body_or_key_is_refused(
    key_server: KeyServer, signer: Signer, another_signer: Signer
) -> None:
    publish(key_server, signer)

    assert verify("alexa", body() + b" ", headers(signer, body()), SKILL, now=NOW).reason == "hmac_mismatch"
    assert verify("alexa", body(), headers(another_signer, body()), SKILL, now=NOW).reason == "hmac_mismatch"


@pytest.mark.parametrize(
    "url",
    [
        "http://s3.amazonaws.com/echo.api/a.pem",
        "https://s3.amazonaws.com:563/echo.api/a.pem",
        "https://notamazon.com/echo.api/a.pem",
        "https://s3.amazonaws.com/EcHo.aPi/a.pem",
        "https://s3.amazonaws.com/invalid.path/a.pem",
        "https://s3.amazonaws.com/echo.api/../evil/a.pem",
        "https://s3.amazonaws.com:443@evil.example/echo.api/a.pem",
        "https://s3.amazonaws.com/echo.api/a.pem?versionId=x",
    ],
)
def test_no_other_address_is_asked_for_a_certificate(key_server: KeyServer, signer: Signer, url: str) -> None:
    result = verify("alexa", body(), headers(signer, body(), url), SKILL, now=NOW)

    assert result.reason == "malformed_header"
    assert key_server.asked == []


@pytest.mark.parametrize(
    "wrong",
    [{"authority": True}, {"name": "echo-api.amazon.com.evil.example"}, {"name": NAME, "days": -1}],
)
def test_a_certificate_of_others_or_one_that_is_over_is_no_key(
    key_server: KeyServer, signer: Signer, wrong: dict[str, Any]
) -> None:
    publish(key_server, signer, **{**wrong, "authority": Authority() if "authority" in wrong else None})

    assert verify("alexa", body(), headers(signer, body()), SKILL, now=NOW).reason == "key_unavailable"


@pytest.mark.parametrize("lost", ["Signature-256", "SignatureCertChainUrl"])
def test_a_header_that_was_lost_is_named(key_server: KeyServer, signer: Signer, lost: str) -> None:
    sent = {name: value for name, value in headers(signer, body()).items() if name != lost}

    result = verify("alexa", body(), sent, SKILL, now=NOW)

    assert result.reason == "missing_header"
    assert lost.lower() in str(result.hint).lower()


def test_a_secret_that_is_no_skills_id_is_said_at_start() -> None:
    with pytest.raises(ConfigurationError, match="skill's id"):
        Verifier("alexa", "https://example.com/alexa")
