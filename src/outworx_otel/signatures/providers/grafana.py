"""Grafana alerting."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="grafana",
        title="Grafana alerting",
        signature_header="x-grafana-alerting-signature",
        event_type="body.status",
        detection_headers=("x-grafana-alerting-signature",),
        note="For contact points without a header for the time and with the signature's header left as it is.",
        source="https://github.com/grafana/alerting/blob/main/http/hmac.go",
    ),
    source_kind="code",
    samples=Samples(
        payloads={
            "firing": {
                "receiver": "shop",
                "status": "firing",
                "alerts": [
                    {
                        "status": "firing",
                        "labels": {"alertname": "Errors"},
                        "startsAt": "${iso}",
                        "fingerprint": "${hex16}",
                    }
                ],
                "groupLabels": {"alertname": "Errors"},
                "title": "[FIRING:1] Errors",
            }
        },
    ),
)
