"""Deliveries that must be rejected, each for the reason that was asked for."""

from __future__ import annotations

import base64
import json
import math
import secrets as random
from collections.abc import Callable
from typing import Any, Final

from outworx_otel.cli.trigger.samples import Sample
from outworx_otel.server.replay import Credentials
from outworx_otel.setup.options import DEFAULT_MAX_BODY
from outworx_otel.signatures import REASONS, SignatureScheme

# Causes that no sender has in hand.
_RECEIVERS: Final = {
    "missing_secret": "the application has no secret: unset it there",
    "unsupported_provider": "the application names a provider without a verifier",
    "verifier_threw": "the application's own verifier raises",
    "key_unavailable": "the application cannot fetch the provider's key",
}
SPOILED: Final = tuple(reason for reason in REASONS if reason not in _RECEIVERS)
_MALFORMED: Final = "!no signature!"
# Far outside every window, and far from the 1,000 times that seconds and milliseconds differ by.
_HELD_UP: Final = 1800.0


# Flaws for which any secret does, or none.
_WITHOUT_SECRET: Final = frozenset(
    {"missing_header", "malformed_header", "hmac_mismatch", "credentials_mismatch"}
)


def needs_secret(reason: str | None) -> bool:
    """Whether a delivery with this flaw must be signed with the endpoint's own secret."""
    return reason not in _WITHOUT_SECRET


def is_signed(reason: str | None, row: SignatureScheme) -> bool:
    """Whether a delivery with this flaw is signed at all."""
    # Where the signature stands in the body, what was not signed has none, and that is malformed.
    in_body = not row.signature_header
    return reason != "missing_header" and not (reason == "malformed_header" and in_body)


def obstacle(reason: str, row: SignatureScheme, sample: Sample, credentials: Credentials) -> str | None:
    """Why this provider's sender cannot cause the reason, or None."""
    if reason in _RECEIVERS:
        return f"only the receiving side can cause {reason}: {_RECEIVERS[reason]}"
    if reason not in SPOILED:
        return f"{reason!r} is no reason that a sender can cause; there are {', '.join(SPOILED)}"
    if reason == "missing_header" and not row.signature_header and row.algorithm != "token":
        return f"{row.title} signs in the body, so no header can be missing; try malformed_header"
    if reason == "malformed_header" and row.algorithm == "token" and row.encoding == "text":
        return f"{row.title}'s token has no form that could be wrong; try credentials_mismatch"
    if reason == "hmac_mismatch" and row.algorithm == "token":
        return f"{row.title}'s token is no signature; try credentials_mismatch"
    if reason == "credentials_mismatch" and row.algorithm != "token":
        return f"{row.title} signs and sends no credentials; try hmac_mismatch"
    if reason == "timestamp_drift" and math.isinf(window(row, credentials)):
        return f"{row.title} gives no time within which a signature holds, so none can drift"
    if reason == "parsed_body" and (row.procedure is not None or not row.signs_body or sample.is_form):
        return f"{sample.event} of {row.title} signs no JSON body that could be re-serialised"
    return None


def window(row: SignatureScheme, credentials: Credentials) -> float:
    """Seconds that a signature may be off where it arrives; infinite for no limit."""
    dated = row.timestamp_header or row.timestamp_field or row.timestamp_path
    tolerance = row.tolerance if credentials.tolerance is None else credentials.tolerance
    return math.inf if tolerance is None or not dated else float(tolerance)


def signing_time(reason: str | None, now: float, row: SignatureScheme, credentials: Credentials) -> float:
    """The moment that the delivery says it was signed at."""
    if reason != "timestamp_drift":
        return now
    return now - window(row, credentials) - _HELD_UP


def body_to_sign(reason: str | None, body: bytes, is_form: bool, credentials: Credentials) -> bytes:
    """The body, larger than the endpoint takes where that is wanted."""
    if reason != "body_unavailable":
        return body
    missing = (credentials.max_body_size or DEFAULT_MAX_BODY) + 1 - len(body)
    return body + (b"&padding=" + b"0" * missing if is_form else b" " * missing)


def signing_secret(reason: str | None, secret: str | bytes | None, row: SignatureScheme) -> str | bytes:
    """Returns the secret to sign with; if it must not fit or does not matter, a random one of the same kind."""
    if needs_secret(reason):
        assert secret is not None
        return secret
    if row.asymmetric:
        # Standard Webhooks tells a private key by its beginning.
        return f"whsk_{_base64(32)}" if row.signature_field == "v1a" else _ANY_KEY[row.algorithm]()
    if row.key == "header-value" and secret:
        text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
        return f"{text.partition(':')[0]}: {_nobodys()}"
    return _ANY_SECRET[row.key]()


def body_to_send(reason: str | None, body: bytes) -> bytes:
    """What travels: for `parsed_body` the same JSON written another way."""
    if reason != "parsed_body":
        return body
    value = json.loads(body)
    compact, spaced = ((",", ":"), (", ", ": "))
    written = [json.dumps(value, separators=form).encode() for form in (spaced, compact)]
    return next(text for text in written if text != body)


def headers_to_send(reason: str | None, signed: dict[str, str], row: SignatureScheme) -> dict[str, str]:
    """The signature's headers, with something else in place of the signature where that is wanted."""
    if reason == "malformed_header" and signed:
        return {**signed, row.signature_header[0].replace("{n}", "1"): _MALFORMED}
    return signed


def _ed25519() -> str:
    return random.token_hex(32)


def _p256() -> str:
    from cryptography.hazmat.primitives.asymmetric import ec

    return _pem(ec.generate_private_key(ec.SECP256R1()))


def _rsa() -> str:
    from cryptography.hazmat.primitives.asymmetric import rsa

    return _pem(rsa.generate_private_key(public_exponent=65537, key_size=2048))


def _pem(key: Any) -> str:
    from cryptography.hazmat.primitives import serialization as forms

    text: bytes = key.private_bytes(forms.Encoding.PEM, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    return text.decode()


def _nobodys() -> str:
    return f"nobodys-{random.token_hex(16)}"


def _base64(size: int = 24) -> str:
    return base64.b64encode(random.token_bytes(size)).decode()


_ANY_KEY: Final[dict[str, Callable[[], str]]] = {
    "ed25519": _ed25519,
    "ecdsa-p256-sha256": _p256,
    "rsa-sha256": _rsa,
}
_ANY_SECRET: Final[dict[Any, Callable[[], str]]] = {
    "utf8": _nobodys,
    "utf8-nfkd": _nobodys,
    "user-password": lambda: f"nobody:{_nobodys()}",
    "header-value": lambda: f"X-Hook-Token: {_nobodys()}",
    "whsec": lambda: f"whsec_{_base64()}",
    "whsec-or-utf8": lambda: f"whsec_{_base64()}",
    "base64": _base64,
    "hex": lambda: random.token_hex(32),
    "sha1": _nobodys,
}
