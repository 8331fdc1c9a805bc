"""Pushes of Google Cloud Pub/Sub, with tokens of a key of the tests' own."""

from __future__ import annotations

import json
from typing import Any

import jwt
from support.key_server import KeyServer, Published, Signer

NOW = 1_790_000_000
URL = "https://www.googleapis.com/oauth2/v1/certs"
AUDIENCE = "https://example.com/hooks/orders"
EMAIL = "push@shop.iam.gserviceaccount.com"
SECRET = json.dumps({"audience": AUDIENCE, "email": EMAIL})
BODY = b'{"message":{"data":"eyJvcmRlciI6IDF9","messageId":"136969346945"},"subscription":"projects/shop/orders"}'
CLAIMS = {
    "aud": AUDIENCE,
    "azp": "113774264463038321964",
    "email": EMAIL,
    "email_verified": True,
    "exp": NOW + 3600,
    "iat": NOW,
    "iss": "https://accounts.google.com",
    "sub": "113774264463038321964",
}


def headers(signer: Signer, kid: str = "k1", algorithm: str = "RS256", **claims: Any) -> dict[str, str]:
    """What Google sends with a push."""
    told = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return {"Authorization": f"Bearer {jwt.encode(told, signer.private, algorithm, headers={'kid': kid})}"}


def publish(server: KeyServer, **signers: Signer) -> None:
    """Publishes certificates by the ids of their keys."""
    document = {kid: signer.certificate.decode() for kid, signer in signers.items()}
    server.published[URL] = Published(
        json.dumps(document).encode(), headers={"Cache-Control": "max-age=19800"}
    )
