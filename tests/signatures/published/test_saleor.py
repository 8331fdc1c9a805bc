"""Deliveries of Saleor: a signature of the body by a key at the shop's own domain."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from support.key_server import KeyServer, Signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

from .own_domain import DOMAIN, URL, publish

SECRET = f"{DOMAIN}/graphql/"
BODY = '{"order": {"id": "T3JkZXI6MQ==", "note": "grüß"}}'.encode()


def headers(
    signer: Signer, body: bytes = BODY, *, kid: str = "k1", detached: bool = True, **header: Any
) -> dict[str, str]:
    """What Saleor sends with this body."""
    told = {"kid": kid, "crit": ["b64"], **header}
    told = {name: value for name, value in told.items() if value is not None}
    token = jwt.api_jws.PyJWS().encode(
        body, signer.private, "RS256", headers=told, is_payload_detached=detached
    )
    return {"Saleor-Event": "order_created", "Saleor-Api-Url": SECRET, "Saleor-Signature": token}


@pytest.mark.parametrize("secret", [SECRET, DOMAIN, "keys.example.com", "https://KEYS.example.com/graphql/"])
def test_a_delivery_is_verified_by_the_key_set_at_the_configured_domain(
    key_server: KeyServer, signer: Signer, secret: str
) -> None:
    publish(key_server, k1=signer)

    result = verify("saleor", BODY, headers(signer), secret)

    assert (result.valid, result.kind) == (True, "verified")
    assert key_server.urls == [URL]


def test_no_domain_but_a_configured_one_is_asked(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, k1=signer)
    sent = {**headers(signer), "Saleor-Api-Url": "https://evil.example/graphql/"}

    assert verify("saleor", BODY, sent, SECRET)
    assert key_server.urls == [URL]


def test_of_several_shops_the_one_is_asked_that_the_delivery_names(
    key_server: KeyServer, signer: Signer
) -> None:
    publish(key_server, k1=signer)

    result = verify("saleor", BODY, headers(signer), ["https://api.paypal.com/", SECRET])

    assert (result.valid, result.key_index) == (True, 1)
    assert key_server.urls == [URL]


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (lambda one, _: headers(one, BODY + b" "), "hmac_mismatch"),
        (lambda _, other: headers(other), "hmac_mismatch"),
        (lambda one, _: headers(one, kid="k2"), "hmac_mismatch"),
        (lambda one, _: headers(one, crit=["b64", "exp"]), "malformed_header"),
        (lambda one, _: headers(one, crit=None, detached=False), "malformed_header"),
        (lambda one, _: headers(one, alg="RS512"), "malformed_header"),
        (lambda one, _: {"saleor-signature": "a.b.c"}, "malformed_header"),
        (lambda one, _: {"saleor-signature": "a..c"}, "malformed_header"),
        (lambda one, _: {"saleor-signature": ""}, "malformed_header"),
        (lambda one, _: {}, "missing_header"),
    ],
)
def test_whatever_else_is_refused(
    key_server: KeyServer, signer: Signer, another_signer: Signer, changed: Any, reason: str
) -> None:
    publish(key_server, k1=signer)

    assert verify("saleor", BODY, changed(signer, another_signer), SECRET).reason == reason


@pytest.mark.parametrize(
    "secret",
    [
        "a-secret-key",
        "http://keys.example.com/graphql/",
        "https://keys.example.com:8443/",
        "https://a@keys.example.com/",
        "https://keys.example.com?x",
    ],
)
def test_a_secret_that_is_no_domain_is_said_at_start_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="your domain at Saleor") as raised:
        Verifier("saleor", secret)
    assert secret not in str(raised.value)
