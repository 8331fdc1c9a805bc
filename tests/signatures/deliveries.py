"""One signed delivery of every provider, for tests that hold for all of them."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from typing import NamedTuple

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from outworx_otel.signatures import (
    SignatureResult,
    SignatureScheme,
    Verifier,
    providers,
    scheme_for,
    sign_request,
)

NOW = 1_790_000_000.0
URL = "https://example.com/hooks/in?tenant=7"
WHSEC = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"id":"evt_1","type":"thing.made","event-data":{"id":"e"}}'

_SEED = hashlib.sha256(b"a test's own Ed25519 seed").digest()
ED25519_PRIVATE = _SEED.hex()
ED25519_PUBLIC = (
    ed25519.Ed25519PrivateKey.from_private_bytes(_SEED)
    .public_key()
    .public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
)
_EC = ec.derive_private_key(int.from_bytes(_SEED, "big") >> 8, ec.SECP256R1())
EC_PRIVATE = _EC.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
EC_PUBLIC = base64.b64encode(
    _EC.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
).decode()
_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_PRIVATE = _RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
RSA_PUBLIC = (
    _RSA.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)

_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_PRIVATE = _RSA.private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
).decode()
RSA_PUBLIC = (
    _RSA.public_key()
    .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    .decode()
)

ADYEN_BODY = (
    b'{"notificationItems":[{"NotificationRequestItem":{"pspReference":"7914","merchantAccountCode":"Shop",'
    b'"merchantReference":"order-1","amount":{"value":1130,"currency":"EUR"},"eventCode":"AUTHORISATION",'
    b'"success":"true","additionalData":{}}}]}'
)
GRAPH_BODY = b'{"value":[{"id":"n_1","clientState":"","changeType":"created"},{"id":"n_2","clientState":""}]}'
BRAINTREE_BODY = b"bt_payload=PG5vdGlmaWNhdGlvbi8%2BCg%3D%3D%0A"
# What bodies must be like whose signature, or token, stands inside.
BODIES = {"adyen": ADYEN_BODY, "braintree": BRAINTREE_BODY, "microsoft_graph": GRAPH_BODY}


class Delivery(NamedTuple):
    """A delivery as it arrives, with the secret that verifies it."""

    provider: str
    secret: str
    body: bytes
    headers: dict[str, str]
    url: str | None

    def verified(self, verifier: Verifier | None = None, **changes: object) -> SignatureResult:
        """The verdict, after changing some of body, headers and url."""
        verifier = verifier or Verifier(self.provider, self.secret)
        changed = self._replace(**changes)
        return verifier.verify(changed.body, changed.headers, now=NOW, url=changed.url, diagnose=False)


_SECRETS = {
    "ed25519": (ED25519_PRIVATE, ED25519_PUBLIC.hex()),
    "ecdsa-p256-sha256": (EC_PRIVATE, EC_PUBLIC),
    "rsa-sha256": (RSA_PRIVATE, RSA_PUBLIC),
    "hex": ("44" * 32, "44" * 32),
    "base64": (WHSEC.removeprefix("whsec_"), WHSEC.removeprefix("whsec_")),
    "user-password": ("a user:a password", "a user:a password"),
    "header-value": ("X-Hook-Token: a token", "X-Hook-Token: a token"),
}


def secrets_of(provider: str) -> tuple[str, str]:
    """(the secret to sign with, the secret to verify with)"""
    scheme = scheme_for(provider)
    assert scheme is not None
    return _SECRETS.get(scheme.algorithm) or _SECRETS.get(scheme.key) or (WHSEC, WHSEC)


@cache
def delivery_of(provider: str, body: bytes | None = None) -> Delivery:
    """A good delivery of this provider, signed at `NOW`."""
    private, public = secrets_of(provider)
    if body is None:
        body = BODIES.get(provider, BODY)
    signed = sign_request(provider, body, private, now=NOW, url=URL, message_id="msg_1")
    return Delivery(provider, public, signed.body, signed.headers, signed.url)


SIGNABLE = tuple(scheme for scheme in providers() if scheme.published is None)
"""The rows that we can sign by: a key that its provider publishes has a private half that nobody else has."""
PROVIDERS = tuple(scheme.provider for scheme in SIGNABLE)


def _shape(scheme: SignatureScheme) -> tuple[object, ...]:
    """What a row does, without the names of its headers."""
    return (
        scheme.signature_header if "{n}" in str(scheme.signature_header) else len(scheme.signature_header),
        bool(scheme.timestamp_header),
        bool(scheme.id_header),
        scheme.layout,
        bool(scheme.prefix),
        (bool(scheme.timestamp_field), scheme.separator, scheme.untagged),
        (scheme.encoding, scheme.algorithm, scheme.key, scheme.message),
        (scheme.timestamp_unit, bool(scheme.timestamp_path)),
        (scheme.tolerance is None, scheme.window, scheme.inclusive),
        (bool(scheme.alternatives), scheme.own_header, scheme.url_forms, type(scheme.procedure)),
    )


SHAPES = tuple({_shape(scheme): scheme.provider for scheme in reversed(SIGNABLE)}.values())
"""One provider of each shape, for tests that many examples make slow: the names of headers alone change nothing."""
