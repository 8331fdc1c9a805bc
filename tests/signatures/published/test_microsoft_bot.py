"""Activities of the Bot Framework: whose token it is, for which bot, of which service and which channel."""

from __future__ import annotations

import json
from typing import Any

import jwt
import pytest
from support.key_server import KeyServer, Published, Signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

NOW = 1_790_000_000
DISCOVERY = "https://login.botframework.com/v1/.well-known/openidconfiguration"
JWKS = "https://login.botframework.com/v1/.well-known/keys"
BOT = "9f0a2c5e-4a1b-4c55-9c53-0a1f6a3f9d10"
SERVICE = "https://smba.trafficmanager.net/emea/"
BODY = json.dumps(
    {"type": "message", "id": "1", "serviceUrl": SERVICE, "channelId": "msteams", "text": "hi"}
).encode()
CLAIMS = {
    "iss": "https://api.botframework.com",
    "aud": BOT,
    "serviceurl": SERVICE,
    "exp": NOW + 3600,
    "nbf": NOW,
}


def headers(signer: Signer, kid: str = "k1", **claims: Any) -> dict[str, str]:
    """What the service sends with an activity."""
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return {"Authorization": f"Bearer {jwt.encode(told, signer.private, 'RS256', headers={'kid': kid})}"}


def documents(
    signer: Signer, kid: str = "k1", endorsements: tuple[str, ...] = ("msteams", "webchat")
) -> dict[str, str]:
    """What it publishes, by address."""
    described = json.loads(jwt.get_algorithm_by_name("RS256").to_jwk(signer.private.public_key()))
    key = {**described, "use": "sig", "kid": kid, "endorsements": list(endorsements)}
    return {DISCOVERY: json.dumps({"jwks_uri": JWKS}), JWKS: json.dumps({"keys": [key]})}


def publish(server: KeyServer, found: dict[str, str]) -> None:
    server.published = {url: Published(text.encode()) for url, text in found.items()}


def test_an_activity_for_the_bot_is_authenticated(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, documents(signer))

    result = verify("microsoft_bot", BODY, headers(signer), BOT.upper(), now=NOW + 3800)

    assert (result.valid, result.kind) == (True, "authenticated")
    assert key_server.urls == [DISCOVERY, JWKS]


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"aud": "another"}, "credentials_mismatch"),
        ({"iss": "https://sts.windows.net/x/"}, "credentials_mismatch"),
        ({"serviceurl": "https://evil.example/"}, "credentials_mismatch"),
        ({"serviceurl": None}, "credentials_mismatch"),
        ({"exp": NOW - 301}, "timestamp_drift"),
        ({"nbf": NOW + 301}, "timestamp_drift"),
    ],
)
def test_another_token_is_refused_before_any_key_is_fetched(
    key_server: KeyServer, signer: Signer, claims: dict[str, Any], reason: str
) -> None:
    publish(key_server, documents(signer))

    assert verify("microsoft_bot", BODY, headers(signer, **claims), BOT, now=NOW).reason == reason
    assert key_server.asked == []


def test_a_key_speaks_only_for_the_channels_that_endorse_it(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, documents(signer, endorsements=("webchat",)))

    assert verify("microsoft_bot", BODY, headers(signer), BOT, now=NOW).reason == "hmac_mismatch"


def test_a_strangers_key_is_refused(key_server: KeyServer, signer: Signer, another_signer: Signer) -> None:
    publish(key_server, documents(signer))

    assert verify("microsoft_bot", BODY, headers(another_signer), BOT, now=NOW).reason == "hmac_mismatch"


@pytest.mark.parametrize(
    "where",
    [
        "https://evil.example/keys",
        "http://login.botframework.com/v1/.well-known/keys",
        JWKS + "/../../x",
        7,
        None,
    ],
)
def test_a_discovery_document_cannot_send_us_elsewhere(
    key_server: KeyServer, signer: Signer, where: Any
) -> None:
    publish(key_server, {**documents(signer), DISCOVERY: json.dumps({"jwks_uri": where})})

    assert verify("microsoft_bot", BODY, headers(signer), BOT, now=NOW).reason == "key_unavailable"
    assert key_server.urls == [DISCOVERY]


@pytest.mark.parametrize("body", [b"", b"{}", b'{"serviceUrl": 1, "channelId": "x"}', b"x"])
def test_a_body_that_is_no_activity_is_refused(key_server: KeyServer, signer: Signer, body: bytes) -> None:
    assert verify("microsoft_bot", body, headers(signer), BOT, now=NOW).reason == "malformed_header"


def test_a_secret_that_is_no_application_id_is_said_at_start() -> None:
    with pytest.raises(ConfigurationError, match="application id"):
        Verifier("microsoft_bot", "hello")
