"""Public keys out of X.509 certificates, and the signatures that they check."""

from __future__ import annotations

import datetime
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal

from outworx_otel.http.certificates import trust

Digest = Literal["sha1", "sha256"]


def key_of_certificate(pem: bytes, now: datetime.datetime | None = None) -> Any:
    """The public key of the first certificate, which must be valid today.

    Raises:
        ValueError: It is no certificate, or not valid yet, or no longer.
    """
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(pem)
    moment = now or datetime.datetime.now(datetime.timezone.utc)
    if not certificate.not_valid_before_utc <= moment <= certificate.not_valid_after_utc:
        raise ValueError("the certificate is not valid today")
    return certificate.public_key()


def key_of_chain(pem: bytes, is_name: Callable[[str], bool]) -> Any:
    """The public key of the first certificate, where the others lead from it to an authority that is trusted.

    Trusted are the public authorities, and what `trust()` names besides.

    Args:
        pem: The certificates, the provider's own first.
        is_name: Whether a name is the provider's: the certificate must have such a one.

    Raises:
        ValueError: It has no such name.
        cryptography.x509.verification.VerificationError: No chain leads to an authority, or its dates are over.
    """
    from cryptography import x509
    from cryptography.x509.verification import PolicyBuilder, Store

    chain = x509.load_pem_x509_certificates(pem)
    leaf, *others = chain
    alternatives = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    names = [name for name in alternatives.get_values_for_type(x509.DNSName) if is_name(name)]
    if not names:
        raise ValueError("the certificate has another name")
    issuers = [certificate.issuer.public_bytes() for certificate in chain]
    store = Store([x509.load_der_x509_certificate(raw) for raw in _authorities(issuers)])
    verifier = PolicyBuilder().store(store).build_server_verifier(x509.DNSName(names[0]))
    verifier.verify(leaf, others)
    return leaf.public_key()


def _authorities(names: Sequence[bytes]) -> Iterable[bytes]:
    """The certificates of authorities that may have one of these names: some others cannot even be read."""
    import certifi

    # Where a company looks into TLS, its own authority stands in for the public ones; theirs sign messages still.
    public = ssl.create_default_context(cafile=certifi.where())
    trusted = dict.fromkeys(
        [*public.get_ca_certs(binary_form=True), *trust().context().get_ca_certs(binary_form=True)]
    )
    return [raw for raw in trusted if any(name in raw for name in names)]


def fits(key: Any, digest: Digest, message: bytes, signatures: Iterable[bytes]) -> bool:
    """Whether one of the signatures is this key's over the message: RSA with PKCS #1 v1.5, ECDSA in DER.

    Raises:
        TypeError: The key is of another kind.
    """
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

    # SHA-1 is what some providers still sign with.
    hashed: hashes.HashAlgorithm = hashes.SHA1() if digest == "sha1" else hashes.SHA256()  # noqa: S303
    for signature in signatures:
        try:
            if isinstance(key, rsa.RSAPublicKey):
                key.verify(signature, message, padding.PKCS1v15(), hashed)
            elif isinstance(key, ec.EllipticCurvePublicKey):
                key.verify(signature, message, ec.ECDSA(hashed))
            else:
                raise TypeError(f"a {type(key).__name__} is no key for this")
        except InvalidSignature:
            continue
        return True
    return False
