"""HTTP Message Signatures (RFC 9421), by a key that is configured or published at a domain that is."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.evidence import all_needed
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.providers.http_signatures.signature_base import (
    MessageSignature,
    Unsupported,
    digest_fits,
    read_signatures,
    signature_base,
)
from outworx_otel.signatures.published.tokens import read_jwks
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.wanted_keys import (
    Claim,
    KeyPlace,
    KeyRequest,
    PublishedKeys,
    Verified,
    WantedKey,
)

_URL: Final = re.compile(r"https://([a-z0-9.-]{1,253})(/[A-Za-z0-9._~/-]{0,500})", re.ASCII)
_MAX_SIGNATURES: Final = 4
# A document without ids, or a signature without one: every key is tried.
_MAX_TRIED: Final = 8


class _Keys(NamedTuple):
    """Keys as they are configured: themselves, or where they are published."""

    keys: PublishedKeys
    wanted: WantedKey | None = None


class HttpSignatures:
    """The body counts by its `Content-Digest` (RFC 9530), which has to be signed. So has the time, `created`.

    https://www.rfc-editor.org/rfc/rfc9421
    """

    signs_url = True
    signs_body = True
    place = "`signature` and `signature-input`"
    algorithm = "RSA-PSS with SHA-512, RSA with SHA-256, ECDSA P-256 or P-384, Ed25519, as the key is"
    published_at = "the https:// URL of the key set that you configure; kept for 1 h"

    def host(self, settings: _Keys) -> str:
        return "" if settings.wanted is None else settings.wanted.host

    def settings(self, secret: str) -> _Keys:
        if secret.startswith("-----BEGIN"):
            return _Keys({"": _pem(secret)})
        if secret.startswith("{"):
            return _Keys(_key_set(secret))
        found = _URL.fullmatch(secret)
        if found is None:
            raise ConfigurationError(
                "the secret must be a public key in PEM, a JSON Web Key Set, or the https:// URL of one, such as "
                "https://example.com/.well-known/jwks.json"
            )
        host, path = map(re.escape, found.groups())
        place = KeyPlace(provider=found[1], hosts=host, paths=path, lifetime=3600)
        return _Keys({}, WantedKey(place, secret, load=lambda ask: read_jwks(ask(KeyRequest(secret)).body)))

    def claim(self, request: SignedRequest, settings: Sequence[_Keys], now: float) -> Claim | Failure:
        texts = all_needed(request.headers, "signature-input", "signature")
        if isinstance(texts, Failure):
            return texts
        try:
            signature = _chosen(read_signatures(request.headers, _MAX_SIGNATURES), request)
            if isinstance(signature, Failure):
                return signature
            bases = dict.fromkeys(signature_base(request, url, signature) for url in request.urls)
        except Unsupported as error:
            return Failure("malformed_header", f"The signature cannot be checked: {error}.")
        expires = signature.parameters.get("expires")
        if isinstance(expires, int) and now > expires:
            return Failure(
                "timestamp_drift", f"The signature ended {now - expires:.0f} s ago by this server's clock."
            )
        kid, created = signature.parameters.get("keyid"), signature.parameters["created"]

        def conclude(published: PublishedKeys) -> Verified | Failure:
            for index, one in enumerate(settings):
                keys = one.keys if one.wanted is None else published if one.wanted is wanted else {}
                if any(_is_signed(key, base, signature) for key in _tried(keys, kid) for base in bases):
                    return Verified(index, created)
            return Failure(
                "hmac_mismatch", "The signature does not match: another key, or a changed request."
            )

        wanted = next((one.wanted for one in settings if one.wanted is not None), None)
        return Claim(wanted and wanted.of(kid if isinstance(kid, str) else None), conclude)


def _pem(text: str) -> Any:
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        return load_pem_public_key(text.encode())
    except (ValueError, TypeError):
        raise ConfigurationError("the secret is no public key in PEM: copy it again") from None


def _key_set(text: str) -> PublishedKeys:
    try:
        keys = {kid: key for kid, key in read_jwks(text.encode()).items() if key is not None}
    except (ValueError, KeyError, TypeError):
        keys = {}
    if not keys:
        raise ConfigurationError("the secret is no JSON Web Key Set with a public key in it")
    return keys


def _chosen(signatures: list[MessageSignature], request: SignedRequest) -> MessageSignature | Failure:
    """The first signature that covers what it has to, once the body is known to be what its digest says."""
    for signature in signatures:
        created = signature.parameters.get("created")
        covered = signature.covers("content-digest") or not request.body
        if isinstance(created, int) and not isinstance(created, bool) and covered:
            digest = request.headers.get("content-digest")
            if request.body and (digest is None or not digest_fits(request.body, digest)):
                return Failure(
                    "hmac_mismatch", "Content-Digest is not the body's: it was changed on its way."
                )
            return signature
    return Failure(
        "malformed_header", "No signature covers content-digest and says when it was made (created)."
    )


def _tried(keys: PublishedKeys, kid: Any) -> list[Any]:
    if isinstance(kid, str) and kid in keys:
        return [keys[kid]]
    # One key in PEM has no id; a set of keys with ids lacks this one.
    return list(keys.values())[:_MAX_TRIED] if kid is None or set(keys) == {""} else []


def _is_signed(key: Any, base: bytes, signature: MessageSignature) -> bool:
    """By the algorithms of the key's kind alone; `alg`, where the signature has it, only chooses among them."""
    from cryptography.exceptions import InvalidSignature

    told = signature.parameters.get("alg")
    for name, check in _checks(key).items():
        if told in (None, name):
            try:
                check(signature.signature, base)
            except (InvalidSignature, ValueError):
                continue
            return True
    return False


def _checks(key: Any) -> dict[str, Callable[[bytes, bytes], object]]:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

    if isinstance(key, rsa.RSAPublicKey):
        pss = padding.PSS(padding.MGF1(hashes.SHA512()), salt_length=64)
        return {
            "rsa-pss-sha512": lambda raw, base: key.verify(raw, base, pss, hashes.SHA512()),
            "rsa-v1_5-sha256": lambda raw, base: key.verify(raw, base, padding.PKCS1v15(), hashes.SHA256()),
        }
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"ed25519": key.verify}
    if isinstance(key, ec.EllipticCurvePublicKey) and key.key_size in (256, 384):
        digest: hashes.HashAlgorithm = hashes.SHA256() if key.key_size == 256 else hashes.SHA384()
        name = f"ecdsa-p{key.key_size}-{digest.name}"
        return {name: lambda raw, base: key.verify(_der(raw, key.key_size), base, ec.ECDSA(digest))}
    return {}


def _der(raw: bytes, bits: int) -> bytes:
    """An ECDSA signature as cryptography takes it: RFC 9421 puts its two numbers side by side."""
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    half = bits // 8
    if len(raw) != 2 * half:
        raise ValueError("a signature of another length")
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))
