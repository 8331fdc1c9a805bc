"""Amazon SNS: what SES, CloudWatch, S3 and others of AWS notify by."""

from __future__ import annotations

from outworx_otel.signatures.handshake import Handshake
from outworx_otel.signatures.provider import GivesUp, Samples, WebhookProvider
from outworx_otel.signatures.providers.aws_sns.procedure import SnsMessages
from outworx_otel.signatures.scheme import SignatureScheme
from outworx_otel.signatures.subscriptions import confirm_at_amazon

PROVIDER = WebhookProvider(
    scheme=SignatureScheme(
        provider="aws_sns",
        title="Amazon SNS",
        signature_header=(),
        encoding="base64",
        algorithm="rsa-sha256",
        published=SnsMessages(),
        event_id="body.MessageId",
        event_type="body.Type",
        detection_headers=("x-amz-sns-message-type",),
        note="The secret is the topic's ARN; `MessageAttributes` and `UnsubscribeURL` are not signed.",
        source="https://www.npmjs.com/package/sns-validator",
    ),
    source_kind="code",
    signed="eight fields of the message",
    # Three retries, 20 s apart, unless the subscription has a policy of its own. A 4xx is not retried at all.
    gives_up=GivesUp(60, "https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.retry.html"),
    handshakes=(
        Handshake(
            when={"body.Type": "SubscriptionConfirmation"},
            present=("body.SubscribeURL",),
            proof="signature",
            asked=True,
            before=confirm_at_amazon,
            source="https://docs.aws.amazon.com/sns/latest/dg/SendMessageToHttp.prepare.html",
        ),
    ),
    samples=Samples(
        headers={
            "x-amz-sns-message-type": "Notification",
            "User-Agent": "Amazon Simple Notification Service Agent",
        },
        content_type="text/plain; charset=UTF-8",
        payloads={
            "Notification": {
                "Type": "Notification",
                "MessageId": "${uuid:message}",
                "TopicArn": "arn:aws:sns:eu-west-1:123456789012:orders",
                "Message": "an order was paid",
                "Timestamp": "${iso}",
                "SignatureVersion": "2",
                "Signature": "",
                "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0.pem",
            }
        },
    ),
)
