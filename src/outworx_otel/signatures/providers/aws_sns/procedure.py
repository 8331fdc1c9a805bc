"""Amazon SNS: a signature inside the JSON over some of its fields, by a certificate that the message names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures.encoding import decode_base64
from outworx_otel.signatures.json_body import read_plain_json
from outworx_otel.signatures.procedure import SignedRequest
from outworx_otel.signatures.published.certificates import Digest, fits, key_of_certificate
from outworx_otel.signatures.result import Failure
from outworx_otel.signatures.subscriptions import AMAZON_HOSTS
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

PLACE: Final = KeyPlace(
    provider="Amazon SNS",
    hosts=AMAZON_HOSTS,
    paths=r"/[A-Za-z0-9_-]{1,128}\.pem",
    lifetime=86_400,
)

_TOPIC: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]{1,32}:\d{12}:[A-Za-z0-9_.-]{1,261}", re.ASCII)
_CONFIGURED: Final = re.compile(_TOPIC.pattern.removesuffix("{1,261}") + r"{0,261}\*?", re.ASCII)
_SIGNED: Final = (
    "Message",
    "MessageId",
    "Subject",
    "SubscribeURL",
    "Timestamp",
    "Token",
    "TopicArn",
    "Type",
)
_NEEDED: Final = ("Message", "MessageId", "Timestamp", "TopicArn", "Type", "Signature", "SigningCertURL")
_TYPES: Final = frozenset({"Notification", "SubscriptionConfirmation", "UnsubscribeConfirmation"})
_MAY_HAVE_LINES: Final = frozenset({"Message", "Subject"})
_DIGESTS: Final[dict[str, Digest]] = {"1": "sha1", "2": "sha256"}


class SnsMessages:
    """The signature covers `name LF value LF` of the fields that are there, in the order of their names.

    https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html and AWS's own validator, npm
    sns-validator. What a signature is over can be read in more than one way where a value has lines of its own: a
    publisher could write another topic into a message. So only `Message` and `Subject` may have any, and `Type` must
    be one of three: the line before it is then the topic that AWS has signed.
    """

    signs_url = False
    signs_body = True
    place = "JSON `Signature`"
    algorithm = "RSA with SHA-1 (version 1) or SHA-256 (version 2)"
    published_at = "`sns.<region>.amazonaws.com` or `.amazonaws.com.cn`, one file `.pem`; kept for 24 h"

    def host(self, settings: str) -> str:
        _, partition, _, region, *_ = settings.split(":")
        return f"sns.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}"

    def settings(self, secret: str) -> str:
        if not _CONFIGURED.fullmatch(secret):
            raise ConfigurationError(
                "the secret must be the ARN of the topic, such as arn:aws:sns:eu-west-1:123456789012:orders, or "
                "arn:aws:sns:eu-west-1:123456789012:* for every topic of an account"
            )
        return secret

    def claim(self, request: SignedRequest, settings: Sequence[str], now: float) -> Claim | Failure:
        if request.headers.get("x-amz-sns-rawdelivery", "").lower() == "true":
            return Failure(
                "malformed_header", "Raw message delivery is on, and SNS does not sign such: turn it off."
            )
        message = _message(request.body)
        if isinstance(message, str):
            return Failure("malformed_header", message)
        digest = _DIGESTS.get(str(message.get("SignatureVersion")))
        if digest is None:
            return Failure("malformed_header", "SignatureVersion is neither 1 nor 2.")
        signature = decode_base64(message["Signature"])
        if not signature:
            return Failure("malformed_header", "Signature is not base64.")
        url = message["SigningCertURL"]
        if not PLACE.allows(url):
            return Failure(
                "malformed_header", "SigningCertURL is no address of Amazon SNS; nothing was fetched."
            )
        index = _index(message["TopicArn"], settings)
        if index is None:
            return Failure(
                "credentials_mismatch",
                f"The message is of the topic {message['TopicArn']}, which is not configured.",
            )
        signed_at = read_timestamp(message["Timestamp"], "iso8601")
        messages = _signed_texts(message)

        def conclude(keys: PublishedKeys) -> Verified | Failure:
            if any(fits(keys[""], digest, text, [signature]) for text in messages):
                return Verified(index, signed_at)
            return Failure(
                "hmac_mismatch", "The signature does not match: a changed message, or not one of AWS's."
            )

        return Claim(WantedKey(PLACE, url, load=lambda ask: _load(ask, url)), conclude)


def _load(ask: Ask, url: str) -> PublishedKeys:
    return {"": key_of_certificate(ask(KeyRequest(url)).body)}


def _message(body: bytes) -> dict[str, Any] | str:
    """The message, or what is wrong with it."""
    message = read_plain_json(body)
    if not isinstance(message, dict):
        return "The body is no message of Amazon SNS: JSON in which each name stands once."
    # A Lambda gets the one name in another spelling, and a subject that is null.
    message.setdefault("SigningCertURL", message.get("SigningCertUrl"))
    if message.get("Subject") is None:
        message.pop("Subject", None)
    for name in (*_SIGNED, *_NEEDED):
        value = message.get(name)
        if value is None and name not in _NEEDED and name not in message:
            continue
        if not isinstance(value, str):
            return f"{name} is missing from the message, or is no text."
        if "\n" in value and name not in _MAY_HAVE_LINES:
            return f"{name} has a line break, which SNS never writes."
    if message["Type"] not in _TYPES or not _TOPIC.fullmatch(message["TopicArn"]):
        return "Type or TopicArn is none of Amazon SNS's."
    return message


def _index(topic: str, settings: Sequence[str]) -> int | None:
    for index, configured in enumerate(settings):
        if topic == configured or (configured.endswith("*") and topic.startswith(configured[:-1])):
            return index
    return None


def _signed_texts(message: dict[str, Any]) -> tuple[bytes, ...]:
    """What may be signed: AWS's validator leaves Token out of an UnsubscribeConfirmation, its page does not."""
    whole = _text(message, _SIGNED)
    if message["Type"] != "UnsubscribeConfirmation":
        return (whole,)
    return whole, _text(message, tuple(name for name in _SIGNED if name != "Token"))


def _text(message: dict[str, Any], names: Sequence[str]) -> bytes:
    lines = "".join(f"{name}\n{message[name]}\n" for name in names if name in message)
    return lines.encode("utf-8", "surrogatepass")
