"""Public-key signatures through `cryptography`, which is imported only when such a row is configured."""

from __future__ import annotations

from binascii import Error, a2b_base64
from collections.abc import Sequence
from typing import Any

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_hex
from outworx_otel.signatures.procedure import Key, Message
from outworx_otel.signatures.scheme import Algorithm
from outworx_otel.signatures.secret import Secret

# A public-key check costs a hundred times a comparison: a header full of signatures must not multiply it.
_MAX_SIGNATURES = 8

_ED25519_BYTES = 32
_PREFIXES = ("whpk_", "whsk_")


class PublicKey:
    """A public key that checks signatures; `verify` is what `cryptography` offers, arguments bound."""

    __slots__ = ("_extra", "_key")

    def __init__(self, key: Any, extra: tuple[Any, ...]) -> None:
        self._key, self._extra = key, extra

    def matches(self, message: Message, signatures: Sequence[bytes]) -> bool:
        from cryptography.exceptions import InvalidSignature

        data = b"".join(message) if signatures else b""
        for signature in signatures[:_MAX_SIGNATURES]:
            try:
                self._key.verify(signature, data, *self._extra)
            except (InvalidSignature, ValueError):
                continue
            return True
        return False


class PrivateKey:
    """The signing half, for tests and for the command line."""

    __slots__ = ("_extra", "_key")

    def __init__(self, key: Any, extra: tuple[Any, ...]) -> None:
        self._key, self._extra = key, extra

    def sign(self, message: Message) -> bytes:
        signature: bytes = self._key.sign(b"".join(message), *self._extra)
        return signature


def _require_cryptography() -> None:
    try:
        import cryptography.hazmat.primitives.serialization  # noqa: F401 - only whether it is there
    except ImportError:
        raise ConfigurationError(
            "public-key signatures need the package cryptography: pip install 'outworx-otel[asymmetric]'"
        ) from None


def _extra(algorithm: Algorithm) -> tuple[Any, ...]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    if algorithm == "ecdsa-p256-sha256":
        return (ec.ECDSA(hashes.SHA256()),)
    if algorithm == "rsa-sha256":
        return (padding.PKCS1v15(), hashes.SHA256())
    return ()


def load_public_key(algorithm: Algorithm, secret: Secret) -> Key:
    """A public key from PEM, from base64 of its DER, or, for Ed25519, from 32 bytes in hex or base64."""
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    raw, pem = _key_bytes(secret)
    kinds: dict[str, type] = {
        "ed25519": ed25519.Ed25519PublicKey,
        "ecdsa-p256-sha256": ec.EllipticCurvePublicKey,
        "rsa-sha256": rsa.RSAPublicKey,
    }
    try:
        key: Any
        if pem:
            key = load_pem_public_key(raw)
        elif algorithm == "ed25519" and len(raw) == _ED25519_BYTES:
            key = ed25519.Ed25519PublicKey.from_public_bytes(raw)
        else:
            key = load_der_public_key(raw)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, kinds[algorithm]):
        raise ConfigurationError(f"the secret is not a public key for {algorithm}: copy it again")
    return PublicKey(key, _extra(algorithm))


def load_private_key(algorithm: Algorithm, secret: Secret) -> PrivateKey:
    """A private key from PEM, from base64 of its DER, or, for Ed25519, from its 32-byte seed."""
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    raw, pem = _key_bytes(secret)
    try:
        key: Any
        if pem:
            key = load_pem_private_key(raw, password=None)
        elif algorithm == "ed25519" and len(raw) in (_ED25519_BYTES, 2 * _ED25519_BYTES):
            # 64 bytes are the seed followed by the public key, as libsodium and Standard Webhooks write it.
            key = ed25519.Ed25519PrivateKey.from_private_bytes(raw[:_ED25519_BYTES])
        else:
            key = load_der_private_key(raw, password=None)
    except (ValueError, TypeError):
        raise ConfigurationError(f"the secret is not a private key for {algorithm}") from None
    return PrivateKey(key, _extra(algorithm))


def _key_bytes(secret: Secret) -> tuple[bytes, bool]:
    """The key's bytes, and whether they are PEM."""
    if isinstance(secret, bytes) and len(secret) == _ED25519_BYTES:
        return secret, False
    text = secret.decode("latin-1") if isinstance(secret, bytes) else secret
    text = text.strip()
    if text.startswith("-----BEGIN"):
        return text.encode("latin-1", "replace"), True
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    if len(text) in (2 * _ED25519_BYTES, 4 * _ED25519_BYTES):
        raw = decode_hex(text)
        if raw is not None:
            return raw, False
    bare = "".join(text.split()).rstrip("=")
    try:
        raw = a2b_base64(bare + "=" * (-len(bare) % 4))
    except (Error, ValueError):
        return b"", False
    # Wix's dashboard gives base64 of PEM.
    return raw, raw.startswith(b"-----BEGIN")
