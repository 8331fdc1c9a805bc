"""Amazon Alexa skills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64
from outworx_otel.signatures.evidence import all_needed
from outworx_otel.signatures.json_body import member, read_plain_json
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.provider import Samples, WebhookProvider
from outworx_otel.signatures.published.certificates import fits, key_of_chain
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.timestamps import read_timestamp
from outworx_otel.signatures.wanted_keys import (
    Ask,
    Claim,
    KeyPlace,
    KeyRequest,
    PublishedKeys,
    Verified,
    WantedKey,
)

_PLACE: Final = KeyPlace(
    provider="Amazon Alexa",
    hosts=r"s3\.amazonaws\.com",
    paths=r"/echo\.api/[A-Za-z0-9_-]{1,100}\.pem",
    lifetime=86_400,
)
_WITH_PORT: Final = "https://s3.amazonaws.com:443/"
_NAME: Final = "echo-api.amazon.com"
# Events of a skill are repeated for an hour, with the time at which they first were sent.
_EVENTS: Final = frozenset(
    f"AlexaSkillEvent.Skill{what}"
    for what in ("AccountLinked", "Disabled", "Enabled", "PermissionAccepted", "PermissionChanged")
)
_EVENTS_FOR: Final = 3600.0


class AlexaSignatures:
    """The signature is Amazon's for whatever skill it is, so the skill's id in the body says whether it is yours.

    https://pypi.org/project/ask-sdk-webservice-support/
    """

    signs_url = False
    signs_body = True
    place = "`signature-256`"
    algorithm = "RSA with SHA-256"
    published_at = (
        "`s3.amazonaws.com`, below `/echo.api/` (`signaturecertchainurl`); the certificate's chain, dates and name "
        "are checked; kept for 24 h"
    )

    def host(self, settings: str) -> str:
        return "s3.amazonaws.com"

    def settings(self, secret: str) -> str:
        if not secret.startswith("amzn1.ask.skill."):
            raise ConfigurationError("the secret must be the skill's id, such as amzn1.ask.skill.1a2b...")
        return secret

    def claim(self, request: SignedRequest, settings: Sequence[str], now: float) -> Claim | Failure:
        texts = all_needed(request.headers, "signature-256", "signaturecertchainurl")
        if isinstance(texts, Failure):
            return texts
        text, url = texts
        if url.startswith(_WITH_PORT):
            url = url.replace(":443", "", 1)
        if not _PLACE.allows(url):
            return Failure(
                "malformed_header", "SignatureCertChainUrl is no address of Alexa's; nothing was fetched."
            )
        signature = decode_base64(text)
        body = read_plain_json(request.body)
        skill = member(body, "context", "System", "application", "applicationId")
        sent = member(body, "request", "timestamp")
        signed_at = read_timestamp(sent, "iso8601") if isinstance(sent, str) else None
        if not signature or signed_at is None:
            return Failure(
                "malformed_header", "Signature-256 is not base64, or the body lacks request.timestamp."
            )
        if skill not in settings:
            return Failure(
                "credentials_mismatch", "The request is for another skill than the one configured."
            )
        is_event = member(body, "request", "type") in _EVENTS
        if is_event and abs(now - signed_at) > _EVENTS_FOR:
            return Failure("timestamp_drift", f"The event is more than {_EVENTS_FOR:.0f} s away from now.")

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            if not fits(keys[""], "sha256", request.body, [signature]):
                return Failure(
                    "hmac_mismatch", "The signature does not match: a changed body, or a forged one."
                )
            return Verified(settings.index(skill), None if is_event else signed_at)

        return Claim(WantedKey(_PLACE, url, load=lambda ask: _load(ask, url)), conclude)


def _load(ask: Ask, url: str) -> PublishedKeys:
    return {"": key_of_chain(ask(KeyRequest(url)).body, lambda name: name == _NAME)}


PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="alexa",
        title="Amazon Alexa",
        signature_header="signature-256",
        encoding="base64",
        algorithm="rsa-sha256",
        published=AlexaSignatures(),
        tolerance=150,
        event_id="body.request.requestId",
        event_type="body.request.type",
        detection_headers=("signaturecertchainurl",),
        note="The secret is the skill's id; events of a skill (`AlexaSkillEvent.…`) have an hour.",
        source="https://pypi.org/project/ask-sdk-webservice-support/",
    ),
    source_kind="code",
    signed="`{body}`",
    samples=Samples(
        payloads={
            "LaunchRequest": {
                "version": "1.0",
                "context": {
                    "System": {"application": {"applicationId": "amzn1.ask.skill.${uuid:skill}"}},
                },
                "request": {
                    "type": "LaunchRequest",
                    "requestId": "amzn1.echo-api.request.${uuid:request}",
                    "timestamp": "${iso}",
                    "locale": "en-GB",
                },
            }
        },
    ),
)
