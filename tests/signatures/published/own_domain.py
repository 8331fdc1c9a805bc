"""Key sets at domains of the user's own, with keys of the tests'."""

from __future__ import annotations

import json

import jwt
from support.key_server import KeyServer, Published, Signer

NOW = 1_790_000_000
DOMAIN = "https://keys.example.com"
URL = f"{DOMAIN}/.well-known/jwks.json"


def publish(server: KeyServer, url: str = URL, **signers: Signer) -> None:
    """Publishes public keys by their ids."""
    algorithm = jwt.get_algorithm_by_name("RS256")
    keys = [
        {**json.loads(algorithm.to_jwk(signer.private.public_key())), "use": "sig", "kid": kid}
        for kid, signer in signers.items()
    ]
    server.published[url] = Published(json.dumps({"keys": keys}).encode())
