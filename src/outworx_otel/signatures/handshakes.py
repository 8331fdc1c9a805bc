"""Whose handshakes are known: in the providers' files, and here those of protocols and of whoever has no file."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from outworx_otel.signatures.handshake import (
    Handshake,
    hash_of_token_and_address,
    hmac_hex,
    requested_rate,
)
from outworx_otel.signatures.providers import load
from outworx_otel.signatures.providers._index import NAMES

_ADOBE_IO: Final = Handshake(
    method="GET",
    challenge="query.challenge",
    text="{challenge}",
    source="https://github.com/AdobeDocs/adobe-io-events/blob/main/src/pages/guides/index.md",
)
_ADOBE_SIGN: Final = Handshake(
    method="GET",
    proof="token",
    shared="header.x-adobesign-clientid",
    challenge="header.x-adobesign-clientid",
    allowed=r"[\x21-\x7e]+",
    headers={"X-AdobeSign-ClientId": "{challenge}"},
    source="https://helpx.adobe.com/sign/developer/webhook/overview.html",
)
# Without the client id, which the page has one compare first.
_ADOBE_SIGN_OF_ANY: Final = replace(_ADOBE_SIGN, proof="none", shared="", asked=True)
_CLOUDEVENTS: Final = Handshake(
    method="OPTIONS",
    challenge="header.webhook-request-origin",
    allowed=r"[A-Za-z0-9.:_-]{1,255}",
    make=requested_rate,
    headers={"Allow": "POST", "WebHook-Allowed-Origin": "{challenge}", "WebHook-Allowed-Rate": "{made}"},
    asked=True,
    source="https://github.com/cloudevents/spec/blob/main/cloudevents/http-webhook.md",
)
_EBAY: Final = Handshake(
    method="GET",
    challenge="query.challenge_code",
    key="verify_token",
    make=hash_of_token_and_address,
    document={"challengeResponse": "{made}"},
    source="https://github.com/eBay/event-notification-nodejs-sdk/blob/main/lib/validator.js",
)
_EVENT_GRID: Final = Handshake(
    when={
        "header.aeg-event-type": "SubscriptionValidation",
        "body.0.eventType": "Microsoft.EventGrid.SubscriptionValidationEvent",
    },
    challenge="body.0.data.validationCode",
    document={"validationResponse": "{challenge}"},
    source="https://github.com/MicrosoftDocs/azure-docs/blob/main/articles/event-grid/"
    "end-point-validation-event-grid-events-schema.md",
)
_LARK: Final = Handshake(
    when={"body.type": "url_verification"},
    proof="token",
    shared="body.token",
    challenge="body.challenge",
    document={"challenge": "{challenge}"},
    source="https://github.com/larksuite/oapi-sdk-python/blob/v2_main/lark_oapi/event/dispatcher_handler.py",
)
_LINKEDIN: Final = Handshake(
    method="GET",
    challenge="query.challengeCode",
    # Deliveries are signed as `hmacsha256=` and the body, with the same key.
    allowed=r"(?!hmacsha256=)[\x20-\x7e]+",
    key="secret",
    make=hmac_hex,
    document={"challengeCode": "{challenge}", "challengeResponse": "{made}"},
    source="https://learn.microsoft.com/en-us/linkedin/shared/api-guide/webhook-validation",
)
_MICROSOFT_GRAPH: Final = Handshake(
    challenge="query.validationToken",
    text="{challenge}",
    source="https://github.com/microsoftgraph/microsoft-graph-docs-contrib/blob/main/concepts/"
    "change-notifications-delivery-webhooks.md",
)
_OKTA: Final = Handshake(
    method="GET",
    challenge="header.x-okta-verification-challenge",
    document={"verification": "{challenge}"},
    source="https://developer.okta.com/docs/concepts/event-hooks/",
)
_RINGCENTRAL: Final = Handshake(
    challenge="header.validation-token",
    allowed=r"[\x21-\x7e]+",
    headers={"Validation-Token": "{challenge}", "content-type": "application/json"},
    source="https://github.com/ringcentral/ringcentral-api-docs/blob/main/docs/notifications/webhooks/"
    "creating-webhooks.md",
)
_SMARTSHEET: Final = Handshake(
    challenge="header.smartsheet-hook-challenge",
    allowed=r"[\x21-\x7e]+",
    headers={"Smartsheet-Hook-Response": "{challenge}"},
    document={"smartsheetHookResponse": "{challenge}"},
    source="https://developers.smartsheet.com/api/smartsheet/guides/webhooks/webhook-verification",
)
_SURVEYMONKEY: Final = Handshake(
    method="HEAD",
    source="https://github.com/SurveyMonkey/public_api_docs/blob/master/includes/_webhooks.md",
)
_WEBSUB: Final = Handshake(
    method="GET",
    when={"query.hub.mode": "subscribe"},
    proof="token",
    shared="query.hub.topic",
    challenge="query.hub.challenge",
    text="{challenge}",
    refusal=404,
    source="https://www.w3.org/TR/websub/#hub-verifies-intent",
)

WITHOUT_A_FILE: Final[dict[str, tuple[Handshake, ...]]] = {
    "adobe_io": (_ADOBE_IO,),
    "adobe_sign": (_ADOBE_SIGN, _ADOBE_SIGN_OF_ANY),
    "cloudevents": (_CLOUDEVENTS,),
    "ebay": (_EBAY,),
    "event_grid": (_EVENT_GRID, _CLOUDEVENTS),
    "feishu": (_LARK,),
    "lark": (_LARK,),
    "linkedin": (_LINKEDIN,),
    "microsoft_graph": (_MICROSOFT_GRAPH,),
    "okta": (_OKTA,),
    "ringcentral": (_RINGCENTRAL,),
    "smartsheet": (_SMARTSHEET,),
    "surveymonkey": (_SURVEYMONKEY,),
    "websub": (_WEBSUB,),
}
"""By the name that their provider has, or will have once its signatures are known."""


def handshakes_of(provider: str) -> tuple[Handshake, ...]:
    """The handshakes of a provider or of a protocol, by its name; none where none is known.

    Whoever registers a row of their own for a provider changes how it signs, and not what it asks first.
    """
    name = provider.strip().lower().replace("-", "_").replace(" ", "_")
    return (name in NAMES and load(name).handshakes) or WITHOUT_A_FILE.get(name, ())


def with_handshakes() -> tuple[str, ...]:
    """The names of all whose handshake is known."""
    return tuple(sorted({*WITHOUT_A_FILE, *(name for name in NAMES if load(name).handshakes)}))
