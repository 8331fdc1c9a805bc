"""Messages of Amazon SNS, signed by a key of the tests' own."""

from __future__ import annotations

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from support.key_server import KeyServer, Published, Signer

TOPIC = "arn:aws:sns:eu-west-1:123456789012:orders"
CERTIFICATE = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0a1b2c.pem"
HEADERS = {"x-amz-sns-message-type": "Notification", "content-type": "text/plain; charset=UTF-8"}
_SIGNED = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")


def signed_text(message: dict[str, Any], leave_out: str = "") -> bytes:
    """What AWS signs of a message."""
    names = [name for name in _SIGNED if name in message and name != leave_out]
    return "".join(f"{name}\n{message[name]}\n" for name in names).encode()


def signature(signer: Signer, text: bytes, version: str = "2") -> str:
    """Over a text, as it stands in a message."""
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()  # noqa: S303  # SNS's older way
    return base64.b64encode(signer.private.sign(text, padding.PKCS1v15(), digest)).decode()


def sns_message(signer: Signer, *, version: str = "2", leave_out: str = "", **values: Any) -> bytes:
    """A message, whose values are signed as they are given here."""
    message = {
        "Type": "Notification",
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Message": "an order was paid: 12 €",
        "Timestamp": "2026-11-29T12:00:00.000Z",
        **values,
    }
    message = {name: value for name, value in message.items() if value is not None}
    message["SignatureVersion"] = version
    message["SigningCertURL"] = values.get("SigningCertURL", CERTIFICATE)
    message["Signature"] = signature(signer, signed_text(message, leave_out), version)
    return json.dumps(message).encode()


def publish(server: KeyServer, signer: Signer, url: str = CERTIFICATE) -> Published:
    """Publishes a key's certificate."""
    published = server.published[url] = Published(signer.certificate)
    return published
