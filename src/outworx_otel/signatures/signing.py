"""`sign`: makes the headers that a provider would send, for tests and for the command line."""

from __future__ import annotations

import secrets as random
import time

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import ENCODERS, header_bytes
from outworx_otel.signatures.evidence import as_bytes, as_headers, message_templates
from outworx_otel.signatures.keys import DERIVATIONS, key_from_bytes
from outworx_otel.signatures.procedure import Signed, SignedRequest, Signer
from outworx_otel.signatures.registry import scheme_for
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.secret import Secret, row_for_secret
from outworx_otel.signatures.timestamps import write_timestamp
from outworx_otel.signatures.urls import url_text


def sign(
    provider: str,
    body: bytes | str,
    secret: Secret,
    *,
    now: float | None = None,
    url: str | None = None,
    method: str = "POST",
    message_id: str | None = None,
    headers: object = (),
) -> dict[str, str]:
    """The signature headers that `provider` would send with this body, by lower-case name.

    Args:
        provider: A name from `providers()`.
        body: The body exactly as it will be sent.
        secret: The signing secret; for public-key schemes the private key (PEM, or for Ed25519 its 32-byte
            seed in hex or base64).
        now: Unix seconds; None for the clock.
        url: The full public URL; needed where it is signed.
        method: The request's method; needed where it is signed.
        message_id: The message id; made up when None.
        headers: Headers that the request will carry besides, where the scheme looks at them (Twilio's
            content type).

    Raises:
        ConfigurationError: The provider has no row, the secret cannot sign, the URL is missing, or the
            signature belongs into the body or the URL: then use `sign_request`.
    """
    signed = sign_request(
        provider, body, secret, now=now, url=url, method=method, message_id=message_id, headers=headers
    )
    if signed.body != as_bytes(body) or signed.url != url:
        raise ConfigurationError(f"{provider} signs inside the body or the URL: use sign_request()")
    return signed.headers


def sign_request(
    provider: str,
    body: bytes | str,
    secret: Secret,
    *,
    now: float | None = None,
    url: str | None = None,
    method: str = "POST",
    message_id: str | None = None,
    headers: object = (),
) -> Signed:
    """As `sign`, but gives body, headers and URL, because some schemes write into body or URL."""
    scheme = scheme_for(provider)
    if scheme is None:
        raise ConfigurationError(f"{provider!r} has no row to sign with")
    if scheme.published is not None:
        raise ConfigurationError(
            f"{scheme.title} signs with a private key that nobody else has, so its deliveries cannot be signed here"
        )
    if not isinstance(secret, (str, bytes)) or not secret.strip():
        raise ConfigurationError(f"{provider}: the secret is empty")
    scheme = row_for_secret(scheme, secret)
    if scheme.signs_url and url is None:
        raise ConfigurationError(f"{provider} signs the public URL: pass url=")
    moment = time.time() if now is None else now
    timestamp = write_timestamp(moment, scheme.timestamp_unit)
    request = SignedRequest(as_bytes(body), as_headers(headers), url, method)
    signer = _signer(scheme, secret)
    if scheme.procedure is not None:
        return scheme.procedure.sign(signer, request, timestamp)
    return Signed(request.body, _headers(scheme, signer, request, timestamp, message_id), url)


def _signer(scheme: SignatureScheme, secret: Secret) -> Signer:
    try:
        if scheme.asymmetric:
            from outworx_otel.signatures.public_keys import load_private_key

            return load_private_key(scheme.algorithm, secret)
        return key_from_bytes(scheme.algorithm, DERIVATIONS[scheme.key](secret))
    except ConfigurationError as error:
        raise ConfigurationError(f"{scheme.provider}: {error}") from None


def _headers(
    scheme: SignatureScheme, signer: Signer, request: SignedRequest, timestamp: str, message_id: str | None
) -> dict[str, str]:
    headers: dict[str, str] = {}
    fields = {"timestamp": timestamp, "method": request.method}
    fields["url"] = url_text(scheme.url_forms(request.url or "")[-1])
    if scheme.id_header:
        fields["id"] = headers[scheme.id_header[0]] = message_id or f"msg_{random.token_hex(12)}"
    if scheme.timestamp_header:
        headers[scheme.timestamp_header[0]] = timestamp
    before, after, has_body = message_templates(scheme.message)
    message = (
        header_bytes(before % fields),
        request.body if has_body else b"",
        header_bytes(after % fields),
    )
    signature = ENCODERS[scheme.encoding](signer.sign(message))
    headers[scheme.signature_header[0].replace("{n}", "1")] = _layout(scheme, timestamp, signature)
    return headers


def _layout(scheme: SignatureScheme, timestamp: str, signature: str) -> str:
    if scheme.layout == "plain":
        return scheme.prefix + signature
    if scheme.layout == "list":
        return signature
    if scheme.layout == "tagged":
        return f"{scheme.signature_field},{signature}"
    stamp = f"{scheme.timestamp_field}={timestamp}{scheme.separator}" if scheme.timestamp_field else ""
    return f"{stamp}{scheme.signature_field}={signature}"
