"""Deliveries of Plaid, signed by a key of the tests' own."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from support.key_server import KeyServer, Published

NOW = 1_790_000_000
KID = "bfbd5111-8e33-4643-8ced-b2e642a72f3c"
URL = "https://production.plaid.com/webhook_verification_key/get"
CREDENTIALS = {"client_id": "6253a1f8", "secret": "a-plaid-secret"}
SECRET = json.dumps(CREDENTIALS)
BODY = b'{"webhook_type":"TRANSACTIONS","webhook_code":"DEFAULT_UPDATE","item_id":"i"}'
PRIVATE = ec.generate_private_key(ec.SECP256R1())


def headers(
    body: bytes = BODY, *, private: Any = PRIVATE, kid: str = KID, algorithm: str = "ES256", **claims: Any
) -> dict[str, str]:
    """What Plaid sends with this body."""
    told = {"iat": NOW, "request_body_sha256": hashlib.sha256(body).hexdigest(), **claims}
    told = {name: value for name, value in told.items() if value is not None}
    return {"Plaid-Verification": jwt.encode(told, private, algorithm, headers={"kid": kid})}


def document(private: Any = PRIVATE, kid: str = KID, **more: Any) -> bytes:
    """What its server answers."""
    described = json.loads(jwt.get_algorithm_by_name("ES256").to_jwk(private.public_key()))
    key = {**described, "alg": "ES256", "use": "sig", "kid": kid, "created_at": 1, "expired_at": None, **more}
    return json.dumps({"key": key, "request_id": "r"}).encode()


def publish(server: KeyServer, url: str = URL, **more: Any) -> None:
    """Publishes the key."""
    server.published[url] = Published(document(**more))
