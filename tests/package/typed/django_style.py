"""What a Django project writes. The lines marked `# wrong` must be errors to a type checker, no others."""

from collections.abc import Mapping
from typing import Any

from outworx_otel import EndpointOptions, WebhookOptions, webhook
from outworx_otel.integrations.django import DjangoInstrumentor

OUTWORX_HOOKS_OPTIONS: EndpointOptions = {
    "provider": "stripe",
    "capture_body": True,
    "signature_tolerance": 60,
}
OUTWORX_ROUTES: Mapping[str, EndpointOptions] = {"/hooks/github": {"provider": "github", "paths": None}}
misspelt: EndpointOptions = {"provider": "stripe", "signature_secert": "s"}  # wrong
mistyped: EndpointOptions = {"provider": "stripe", "capture_body": "yes"}  # wrong
nobody: EndpointOptions = {"capture_body": True}  # wrong

shared: WebhookOptions = {"idempotency_key": "body.id", "handshake": True}
DjangoInstrumentor().instrument()
DjangoInstrumentor().instrument(endpoints=[])  # wrong


@webhook("stripe", **shared)
def stripe(request: Any) -> str:
    return "received"


@webhook("github", signature_secret_file=b"/run/secrets/github")  # wrong
def github(request: Any) -> str:
    return "received"


@webhook("github", max_body_size="1 MB")  # wrong
class GitHub:
    def post(self, request: Any) -> str:
        return "received"
