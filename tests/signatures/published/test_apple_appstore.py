"""Notifications of Apple's App Store: which certificates in a token count, and for which app."""

from __future__ import annotations

import base64
import datetime
import json
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

NOW = 1_790_000_000
MARKS = ("1.2.840.113635.100.6.11.1", "1.2.840.113635.100.6.2.1", "")
ABOUT = {"environment": "Production", "appAppleId": 41234, "bundleId": "com.example"}


class Chain:
    """Three certificates with their keys: the signer's, its authority's, the root's."""

    def __init__(
        self,
        marks: tuple[str, str, str] = MARKS,
        may_issue: bool = True,
        ends: float = NOW + 86_400,
        critical: bool = False,
    ) -> None:
        self.keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(3)]
        names = [
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) for name in ("leaf", "middle", "root")
        ]
        self.certificates = []
        for place, (key, name, mark) in enumerate(zip(self.keys, names, marks, strict=True)):
            above = min(place + 1, 2)
            may = may_issue if place == 1 else place == 2
            usage = x509.KeyUsage(not may, False, False, False, False, may, may, False, False)
            built = (
                x509.CertificateBuilder()
                .subject_name(name)
                .issuer_name(names[above])
                .public_key(key.public_key())
                .serial_number(x509.random_serial_number())
                .not_valid_before(_moment(NOW - 86_400))
                .not_valid_after(_moment(ends if place == 0 else NOW + 86_400))
                .add_extension(x509.BasicConstraints(may, None), critical=True)
                .add_extension(usage, critical=True)
            )
            if mark:
                marked = x509.UnrecognizedExtension(x509.ObjectIdentifier(mark), b"\x05\x00")
                built = built.add_extension(marked, critical=critical)
            self.certificates.append(built.sign(self.keys[above], hashes.SHA256()))

    @property
    def secret(self) -> str:
        """What is configured for it."""
        root = self.certificates[2].public_bytes(Encoding.PEM).decode()
        return json.dumps({"bundle_id": "com.example", "app_apple_id": "41234", "root_certificates": root})

    def body(self, chain: list[x509.Certificate] | None = None, **claims: Any) -> bytes:
        """What Apple sends."""
        told = {"notificationType": "TEST", "signedDate": NOW * 1000, "data": ABOUT, **claims}
        told = {name: value for name, value in told.items() if value is not None}
        x5c = [
            base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in chain or self.certificates
        ]
        token = jwt.encode(told, self.keys[0], "ES256", headers={"x5c": x5c})
        return json.dumps({"signedPayload": token}).encode()


def _moment(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, datetime.timezone.utc)


@pytest.fixture(scope="module")
def chain() -> Chain:
    return Chain()


@pytest.fixture(scope="module")
def stranger() -> Chain:
    return Chain()


@pytest.mark.parametrize("where", ["data", "summary", "appData"])
def test_a_notification_is_verified_by_certificates_below_the_configured_root(
    chain: Chain, stranger: Chain, where: str
) -> None:
    body = chain.body(**{"data": None, where: ABOUT})

    result = verify("apple_appstore", body, {}, [stranger.secret.replace("example", "other"), chain.secret])

    assert (result.valid, result.kind, result.key_index, result.signed_at) == (True, "verified", 1, NOW)


def test_a_purchase_outside_the_store_says_by_its_id_that_it_is_of_the_sandbox(chain: Chain) -> None:
    token = {"externalPurchaseId": "SANDBOX_1", "appAppleId": 41234, "bundleId": "com.example"}
    body = chain.body(data=None, externalPurchaseToken=token)
    sandbox = json.dumps({**json.loads(chain.secret), "environment": "Sandbox"})

    assert verify("apple_appstore", body, {}, sandbox)
    assert verify("apple_appstore", body, {}, chain.secret).reason == "credentials_mismatch"


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"data": {**ABOUT, "bundleId": "com.other"}}, "credentials_mismatch"),
        ({"data": {**ABOUT, "appAppleId": 1}}, "credentials_mismatch"),
        ({"data": {**ABOUT, "environment": "Sandbox"}}, "credentials_mismatch"),
        ({"data": None}, "credentials_mismatch"),
        ({"signedDate": None}, "malformed_header"),
        ({"signedDate": (NOW + 86_401) * 1000}, "hmac_mismatch"),
        ({"signedDate": (NOW - 86_401) * 1000}, "hmac_mismatch"),
        ({"signedDate": 1e300}, "hmac_mismatch"),
    ],
)
def test_a_notification_of_another_app_or_time_is_refused(
    chain: Chain, changed: dict[str, Any], reason: str
) -> None:
    assert verify("apple_appstore", chain.body(**changed), {}, chain.secret).reason == reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"marks": ("", MARKS[1], "")},
        {"marks": (MARKS[0], "", "")},
        {"may_issue": False},
        {"ends": NOW - 1},
        {"critical": True},
    ],
)
def test_certificates_that_are_not_for_this_are_refused(wrong: dict[str, Any]) -> None:
    chain = Chain(**wrong)

    assert verify("apple_appstore", chain.body(), {}, chain.secret).reason == "hmac_mismatch"


def test_certificates_of_strangers_are_refused(chain: Chain, stranger: Chain) -> None:
    leaf, middle, root = stranger.certificates
    for sent in (
        stranger.body(),
        stranger.body([leaf, middle, chain.certificates[2]]),
        stranger.body([leaf, *chain.certificates[1:]]),
        stranger.body(chain.certificates),
    ):
        assert verify("apple_appstore", sent, {}, chain.secret).reason == "hmac_mismatch"
    for others in ([leaf], [leaf, middle], [leaf, middle, root, root]):
        assert verify("apple_appstore", stranger.body(others), {}, chain.secret).reason == "malformed_header"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"signedPayload": 1}', b'{"signedPayload": "a.b.c"}', b'{"signedPayload": ""}']
)
def test_a_body_without_a_token_is_refused(chain: Chain, body: bytes) -> None:
    assert verify("apple_appstore", body, {}, chain.secret).reason == "malformed_header"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"root_certificates": "MIIB"}, "root certificates in PEM"),
        ({"app_apple_id": None}, "needs app_apple_id"),
        ({"environment": "Xcode"}, "Production or Sandbox"),
        ({"bundle_id": None}, "lacks bundle_id"),
    ],
)
def test_settings_that_cannot_work_are_said_at_start(
    chain: Chain, changed: dict[str, Any], said: str
) -> None:
    given = {**json.loads(chain.secret), **changed}
    given = {name: value for name, value in given.items() if value is not None}

    with pytest.raises(ConfigurationError, match=said):
        Verifier("apple_appstore", json.dumps(given))
