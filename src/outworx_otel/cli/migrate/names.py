"""Which name of outworx-hooks is which name here."""

from __future__ import annotations

from typing import Final

OLD: Final = "outworx_hooks"
NEW: Final = "outworx_otel"

_FACE: Final = ("init", "TrackOptions", "TrackContext", "ProcessingStatus")
_VERIFIERS: Final = tuple(
    f"verify_{provider}_signature{form}"
    for provider in ("stripe", "github", "shopify", "svix", "slack")
    for form in ("", "_detailed")
)

# The modules whose public names are those of the module of the same name here.
MODULES: Final = {
    OLD: NEW,
    f"{OLD}.security": f"{NEW}.security",
    f"{OLD}.integrations": f"{NEW}.integrations",
    f"{OLD}.integrations.fastapi": f"{NEW}.integrations.fastapi",
    f"{OLD}.integrations.flask": f"{NEW}.integrations.flask",
    f"{OLD}.integrations.django": f"{NEW}.integrations.django",
    f"{OLD}.cli": f"{NEW}.cli",
}

NAMES: Final = {
    **{f"{OLD}.{name}": f"{NEW}.{name}" for name in _FACE},
    **{f"{OLD}.security.{name}": f"{NEW}.security.{name}" for name in ("SignatureResult", *_VERIFIERS)},
    f"{OLD}.integrations.fastapi.OutworxHooksMiddleware": f"{NEW}.integrations.fastapi.OutworxHooksMiddleware",
    f"{OLD}.integrations.flask.with_webhook_monitoring": f"{NEW}.integrations.flask.with_webhook_monitoring",
    f"{OLD}.integrations.django.OutworxHooksMiddleware": f"{NEW}.integrations.django.OutworxHooksMiddleware",
    f"{OLD}.cli.main": f"{NEW}.cli.main",
    # Not on its page, and imported all the same.
    f"{OLD}.config.init": f"{NEW}.init",
    **{f"{OLD}.types.{name}": f"{NEW}.{name}" for name in ("TrackOptions", "TrackContext")},
    **{f"{OLD}.security.providers.{name}": f"{NEW}.security.{name}" for name in _VERIFIERS},
}

# What is to be done where there is no counterpart.
WITHOUT: Final = {
    f"{OLD}.get_config": "nothing is to be asked any more: `outworx doctor` shows what is set",
    f"{OLD}.send": "spans are exported by OpenTelemetry: leave it out",
    f"{OLD}.capture_webhook_event": "mount an adapter, or `@webhook(...)`, and it reports",
    f"{OLD}.WebhookEventPayload": "a delivery is an OpenTelemetry span: see the table of attributes",
    f"{OLD}.SignatureFailureReason": "write str: the codes are the same, and there are more",
    f"{OLD}.resolve_processing_status": "the span says it: outworx.webhook.processing.status",
    f"{OLD}.security.verify_by_provider": "outworx_otel.verify(provider, body, headers, secret).valid",
    f"{OLD}.security.verify_by_provider_detailed": "outworx_otel.verify(provider, body, headers, secret)",
    f"{OLD}.security.is_supported_provider": "provider in outworx_otel.providers()",
    f"{OLD}.security.SUPPORTED_PROVIDERS": "outworx_otel.providers()",
    f"{OLD}.security.hmac_sha256_hex": 'hmac.new(key, body, "sha256").hexdigest()',
    f"{OLD}.security.hmac_sha256_base64": "base64 of hmac.digest(key, body, 'sha256')",
    f"{OLD}.security.timing_safe_equal": "hmac.compare_digest",
}


def counterpart(name: str) -> str | None:
    """What a name of outworx-hooks is called here, a module's too; None where nothing is known of it."""
    return NAMES.get(name) or MODULES.get(name)


def advice(name: str) -> str:
    """What to say of a name that has no counterpart."""
    if any(part.startswith("_") for part in name.split(".")[1:]):
        return f"{name} is private, so what it does may stand anywhere here"
    known = WITHOUT.get(name)
    return f"{name} has no counterpart" + (f": {known}" if known else "")
