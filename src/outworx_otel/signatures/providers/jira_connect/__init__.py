"""Atlassian Connect: what Jira, Confluence and Bitbucket send to an app."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.jira_connect.query_hash import query_hash
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.tokens import SignedToken

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="jira_connect",
        title="Atlassian Connect",
        signature_header="authorization",
        timestamp_field="exp",
        tolerance=90,
        event_type="body.webhookEvent",
        procedure=SignedToken(
            header="authorization", word="JWT", needs=("exp",), url_claim="qsh", url_value=query_hash
        ),
        note=(
            "Method, path and query are signed, not the body; the path is that below the app's base URL. The secret "
            "is the installation's shared secret."
        ),
        source="https://pypi.org/project/atlassian-jwt/",
    ),
    source_kind="code",
    signed="token with a hash of method, path and query",
    samples=Samples(
        payloads={
            "jira:issue_created": {
                "timestamp": "${unix_ms}",
                "webhookEvent": "jira:issue_created",
                "issue": {"id": "${number:issue}", "key": "SHOP-42", "fields": {"summary": "Two pots"}},
            }
        },
    ),
)
