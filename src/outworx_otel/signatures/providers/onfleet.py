"""Onfleet."""

from __future__ import annotations

from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="onfleet",
        title="Onfleet",
        signature_header="x-onfleet-signature",
        algorithm="hmac-sha512",
        key="hex",
        detection_headers=("x-onfleet-signature",),
        source="https://docs.onfleet.com/reference/secrets",
    ),
    source_kind="docs",
    gives_up=GivesUp(86400, "https://docs.onfleet.com/reference/retry"),
    samples=Samples(
        payloads={
            "taskCompleted": {
                "taskId": "${alnum:task}",
                "workerId": "${alnum:worker}",
                "time": "${unix_ms}",
                "triggerId": 3,
                "triggerName": "taskCompleted",
                "data": {"task": {"id": "${alnum:task}", "state": 3}},
            }
        },
    ),
)
