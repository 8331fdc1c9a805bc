"""Tally."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="tally",
        title="Tally",
        signature_header="tally-signature",
        encoding="base64",
        event_id="body.eventId",
        event_type="body.eventType",
        source="https://tally.so/help/webhooks",
    ),
    source_kind="docs",
    gives_up=GivesUp(113700, "https://tally.so/help/webhooks"),
    samples=Samples(
        headers={"User-Agent": "Tally Webhooks"},
        payloads={
            "FORM_RESPONSE": {
                "eventId": "${uuid:event}",
                "eventType": "FORM_RESPONSE",
                "createdAt": "${iso_ms}",
                "data": {
                    "responseId": "${alnum:response}",
                    "submissionId": "${alnum:response}",
                    "formId": "${alnum:form}",
                    "formName": "Contact",
                    "createdAt": "${iso_ms}",
                    "fields": [
                        {"key": "question_3EKz4n", "label": "Name", "type": "INPUT_TEXT", "value": "Ada"}
                    ],
                },
            }
        },
    ),
)
