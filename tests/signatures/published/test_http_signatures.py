"""HTTP message signatures: what has to be signed, by whose key, and for which address."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.key_server import KeyServer, Published

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify
from outworx_otel.signatures.published import keyring

NOW = 1_790_000_000
URL = "https://hooks.example.com/in?tenant=7"
JWKS = "https://keys.example.com/.well-known/jwks.json"
BODY = b'{"hello": "world"}'
PRIVATE, ANOTHER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PEM = PRIVATE.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
COVERED = '("@method" "@target-uri" "content-digest")'


def headers(
    covered: str = COVERED,
    parameters: str = f';created={NOW};keyid="k1"',
    *,
    private: Any = PRIVATE,
    body: bytes = BODY,
    **values: str,
) -> dict[str, str]:
    """A request's headers, signed; `values` are what the components are."""
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
    known = {"@method": "POST", "@target-uri": URL, "content-digest": digest, **values}
    lines = [f"{name}: {known[name.split(chr(34))[1]]}" for name in covered.strip("()").split()]
    base = "\n".join([*lines, f'"@signature-params": {covered}{parameters}'])
    signature = base64.b64encode(private.sign(base.encode())).decode()
    return {
        "Content-Digest": digest,
        "Signature-Input": f"sig1={covered}{parameters}",
        "Signature": f"sig1=:{signature}:",
    }


def key_set(**privates: Any) -> bytes:
    """A JSON Web Key Set."""
    keys = [
        {**json.loads(jwt.get_algorithm_by_name("EdDSA").to_jwk(private.public_key())), "kid": kid}
        for kid, private in privates.items()
    ]
    return json.dumps({"keys": [*keys, {"kty": "oct", "kid": "k9", "k": "c2VjcmV0"}, "x"]}).encode()


def _verified(given: dict[str, str], secret: Any = PEM, **changed: Any) -> Any:
    arguments = {"now": NOW, "url": URL, **changed}
    body = arguments.pop("body", BODY)
    return verify("http_signatures", body, given, secret, **arguments)


def test_a_request_is_verified_by_a_key_in_pem_and_nothing_is_fetched(key_server: KeyServer) -> None:
    result = _verified(headers())

    assert (result.valid, result.kind, result.signed_at) == (True, "verified", NOW)
    assert key_server.asked == []


def test_a_request_is_verified_by_a_key_set_at_the_configured_address(
    key_server: KeyServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_server.published[JWKS] = Published(key_set(k0=ANOTHER, k1=PRIVATE))

    assert _verified(headers(), JWKS)
    assert _verified(headers(), [PEM, JWKS]).key_index == 0
    assert _verified(headers(parameters=f";created={NOW}"), JWKS)
    # Rotated.
    key_server.published[JWKS] = Published(key_set(k2=ANOTHER))
    rotated = headers(parameters=f';created={NOW};keyid="k2"', private=ANOTHER)
    assert _verified(rotated, JWKS).reason == "hmac_mismatch"
    monkeypatch.setattr(keyring, "REFRESH_EVERY", 0.0)
    assert _verified(rotated, JWKS)
    assert _verified(headers(), JWKS).reason == "hmac_mismatch"


def test_a_key_set_may_stand_in_the_configuration(key_server: KeyServer) -> None:
    assert _verified(headers(), key_set(k1=PRIVATE).decode())
    assert not _verified(headers(), key_set(k2=PRIVATE).decode())


@pytest.mark.parametrize(
    ("given", "changed", "reason"),
    [
        (headers(), {"body": b"{}"}, "hmac_mismatch"),
        (headers(), {"url": URL + "1"}, "hmac_mismatch"),
        (headers(), {"method": "PUT"}, "hmac_mismatch"),
        (headers(private=ANOTHER), {}, "hmac_mismatch"),
        (headers(), {"now": NOW + 301}, "timestamp_drift"),
        (headers(), {"now": NOW - 301}, "timestamp_drift"),
        (headers(parameters=f";created={NOW};expires={NOW + 5}"), {"now": NOW + 6}, "timestamp_drift"),
        (headers('("@method" "@target-uri")'), {}, "malformed_header"),
        (headers(parameters=';keyid="k1"'), {}, "malformed_header"),
        (headers(parameters=f';created={NOW};alg="hmac-sha256"'), {}, "hmac_mismatch"),
        (headers('("@status" "content-digest")', **{"@status": "200"}), {}, "malformed_header"),
        (headers('("content-digest" "x-none")', **{"x-none": ""}), {}, "malformed_header"),
        (headers('("content-digest" "content-digest")'), {}, "malformed_header"),
        (headers('("content-digest";req)'), {}, "malformed_header"),
        ({**headers(), "Content-Digest": "md5=:AAAA:"}, {}, "hmac_mismatch"),
        ({**headers(), "Signature": "sig1=:!:"}, {}, "malformed_header"),
        ({**headers(), "Signature": "sig2=:AAAA:"}, {}, "malformed_header"),
        ({**headers(), "Signature-Input": "x" * 9000}, {}, "malformed_header"),
        ({**headers(), "Signature-Input": ""}, {}, "malformed_header"),
        ({"Signature": "sig1=:AAAA:"}, {}, "missing_header"),
    ],
)
def test_whatever_else_is_refused(
    key_server: KeyServer, given: dict[str, str], changed: dict[str, Any], reason: str
) -> None:
    assert _verified(given, **changed).reason == reason


def test_a_request_without_a_body_needs_no_digest(key_server: KeyServer) -> None:
    assert _verified(headers('("@method" "@target-uri")', body=b""), body=b"")


def test_the_signature_that_covers_the_body_counts_wherever_it_stands(key_server: KeyServer) -> None:
    good, weak = headers(), headers('("@method")')
    both = {
        **good,
        "Signature-Input": f"{weak['Signature-Input'].replace('sig1', 'sig0')}, {good['Signature-Input']}",
        "Signature": f"{weak['Signature'].replace('sig1', 'sig0')}, {good['Signature']}",
    }

    assert _verified(both)


@pytest.mark.parametrize(
    "secret",
    [
        "hello",
        "http://keys.example.com/jwks.json",
        "https://keys.example.com:8443/jwks.json",
        "https://user@keys.example.com/jwks.json",
        "https://keys.example.com/jwks.json?x=y",
        "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
        '{"keys": []}',
        '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}',
    ],
)
def test_a_secret_that_is_no_key_is_said_at_start(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="the secret"):
        Verifier("http_signatures", secret)
