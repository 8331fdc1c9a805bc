"""Discourse."""

from __future__ import annotations

from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.scheme import SignatureScheme

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="discourse",
        title="Discourse",
        signature_header="x-discourse-event-signature",
        prefix="sha256=",
        event_id="header.x-discourse-event-id",
        event_type="header.x-discourse-event",
        detection_headers=("x-discourse-event-id",),
        source="https://github.com/discourse/discourse/blob/main/app/jobs/regular/emit_web_hook_event.rb",
    ),
    source_kind="code",
    samples=Samples(
        headers={
            "X-Discourse-Instance": "https://forum.example.com",
            "X-Discourse-Event-Id": "${number:delivery}",
            "X-Discourse-Event-Type": "post",
            "X-Discourse-Event": "${event}",
        },
        payloads={
            "post_created": {
                "post": {
                    "id": "${number:post}",
                    "topic_id": 3,
                    "username": "nora",
                    "raw": "The bees are well.",
                    "created_at": "${iso_ms}",
                }
            }
        },
    ),
)
