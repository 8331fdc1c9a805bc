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


def key_below(
    roots: Iterable[Any], chain: Sequence[bytes], marks: tuple[str, str], moment: datetime.datetime
) -> Any:
    """The public key of a certificate that one authority issued, which one of these roots has issued.

    Of a chain that is this short every link is looked at; `cryptography` builds longer ones for servers alone.

    Args:
        roots: The certificates that are trusted.
        chain: The certificate and its authority's in DER; whatever follows is not looked at.
        marks: The object identifiers of an extension that the one, and the other, must have.
        moment: When all of them must be valid.

    Raises:
        ValueError: It does not hold.
    """
    from cryptography import x509

    try:
        leaf, authority = (x509.load_der_x509_certificate(raw) for raw in chain[:2])
    except x509.InvalidVersion as error:
        raise ValueError("one of them cannot be read") from error
    root = next((one for one in roots if _issued(one, authority)), None)
    if root is None or not _issued(authority, leaf):
        raise ValueError("they lead to no root that is configured")
    for certificate, mark in ((leaf, marks[0]), (authority, marks[1])):
        names = {extension.oid.dotted_string for extension in certificate.extensions}
        if mark not in names:
            raise ValueError("one of them is for another purpose")
        critical = {one.oid for one in certificate.extensions if one.critical}
        known = {x509.BasicConstraints.oid, x509.KeyUsage.oid, x509.ExtendedKeyUsage.oid}
        if critical - known:
            raise ValueError("one of them has a condition that is not known")
    if not all(
        one.not_valid_before_utc <= moment <= one.not_valid_after_utc for one in (leaf, authority, root)
    ):
        raise ValueError("one of them was not valid then")
    return leaf.public_key()


def _issued(authority: Any, certificate: Any) -> bool:
    """Whether the one has issued the other, and may."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

    try:
        certificate.verify_directly_issued_by(authority)
        may = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
    except (InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound, ValueError, TypeError):
        return False
    return bool(may and usage.key_cert_sign)


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
