"""HTTP Message Signatures."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.http_signatures.procedure import HttpSignatures
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="http_signatures",
        title="HTTP Message Signatures",
        signature_header="signature",
        encoding="base64",
        algorithm="rsa-sha256",
        published=HttpSignatures(),
        tolerance=300,
        note="The secret is a public key in PEM, a JSON Web Key Set, or the https:// URL of one.",
        source="https://www.rfc-editor.org/rfc/rfc9421",
    ),
    source_kind="docs",
    signed="the components that it names, `content-digest` and `created` among them",
    samples=Samples(payloads={"message": {"id": "${uuid:message}", "hello": "world"}}),
)
