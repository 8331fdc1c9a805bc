"""Mercado Pago."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.providers.mercado_pago.procedure import MercadoPagoManifest
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="mercado_pago",
        title="Mercado Pago",
        signature_header="x-signature",
        timestamp_unit="auto",
        event_type="body.type",
        procedure=MercadoPagoManifest(),
        note=(
            "Only ids and the time are signed: fetch what the id names; notifications of QR codes have no signature."
        ),
        source="https://pypi.org/project/mercadopago/",
    ),
    source_kind="code",
    signed="`data.id` of the query, `x-request-id`, time",
    samples=Samples(
        headers={"X-Request-Id": "${uuid:request}"},
        payloads={
            "payment.updated": {
                "action": "payment.updated",
                "api_version": "v1",
                "data": {"id": "${number:payment}"},
                "date_created": "${iso}",
                "id": "${number:event}",
                "live_mode": False,
                "type": "payment",
                "user_id": "${number:user}",
            }
        },
    ),
)
