"""Messages of Amazon SNS: what is signed, by whom, and what an attacker may try with the address of the key."""

from __future__ import annotations

import json

import pytest
from support.key_server import KeyServer, Signer, make_signer

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import Verifier, verify

from .sns import CERTIFICATE, HEADERS, TOPIC, publish, signature, signed_text, sns_message

CONFIRMATION = {
    "Type": "SubscriptionConfirmation",
    "Token": "t0",
    "SubscribeURL": "https://sns.eu-west-1.amazonaws.com/?a=1",
}


@pytest.mark.parametrize("version", ["1", "2"])
@pytest.mark.parametrize(
    "values", [{}, {"Subject": "Paid"}, CONFIRMATION], ids=["bare", "subject", "confirmation"]
)
def test_a_message_of_the_topic_is_verified_by_its_certificate(
    key_server: KeyServer, signer: Signer, version: str, values: dict[str, str]
) -> None:
    publish(key_server, signer)

    result = verify("aws_sns", sns_message(signer, version=version, **values), HEADERS, TOPIC)

    assert (result.valid, result.kind, result.key_index, result.signed_at) == (
        True,
        "verified",
        0,
        1795953600.0,
    )


@pytest.mark.parametrize("leave_out", ["", "Token"])
def test_an_unsubscription_counts_with_its_token_signed_or_not(
    key_server: KeyServer, signer: Signer, leave_out: str
) -> None:
    publish(key_server, signer)
    body = sns_message(signer, leave_out=leave_out, **{**CONFIRMATION, "Type": "UnsubscribeConfirmation"})

    assert verify("aws_sns", body, HEADERS, TOPIC)


@pytest.mark.parametrize("name", ["Message", "MessageId", "Subject", "Timestamp", "Type"])
def test_no_signed_field_can_be_changed(key_server: KeyServer, signer: Signer, name: str) -> None:
    publish(key_server, signer)
    message = json.loads(sns_message(signer, Subject="Paid"))
    message[name] = "UnsubscribeConfirmation" if name == "Type" else "2026-11-29T12:00:01.000Z"

    assert verify("aws_sns", json.dumps(message), HEADERS, TOPIC).reason == "hmac_mismatch"


@pytest.mark.parametrize(
    ("configured", "index"),
    [
        (TOPIC, 0),
        ("arn:aws:sns:eu-west-1:123456789012:*", 0),
        ("arn:aws:sns:eu-west-1:123456789012:ord*", 0),
        (["arn:aws:sns:eu-west-1:123456789012:others", TOPIC], 1),
        ("arn:aws:sns:eu-west-1:123456789012:orders2", None),
        ("arn:aws:sns:eu-west-1:999999999999:*", None),
    ],
)
def test_a_message_counts_for_its_topic_alone_and_no_key_is_fetched_for_another(
    key_server: KeyServer, signer: Signer, configured: str | list[str], index: int | None
) -> None:
    publish(key_server, signer)

    result = verify("aws_sns", sns_message(signer), HEADERS, configured)

    assert (result.valid, result.key_index) == (index is not None, index)
    assert result.reason == (None if index is not None else "credentials_mismatch")
    assert len(key_server.asked) == (1 if result.valid else 0)


@pytest.mark.parametrize(
    "wrong", ["orders", "arn:aws:sns:*", "arn:aws:sns:eu-west-1:12:orders", "*", f"{TOPIC}*x"]
)
def test_a_secret_that_is_no_topic_is_said_at_start(wrong: str) -> None:
    with pytest.raises(ConfigurationError, match="ARN of the topic"):
        Verifier("aws_sns", wrong)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-west-1.amazonaws.com/a.pem",
        "HTTPS://sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com:8443/a.pem",
        "https://sns.eu-west-1.amazonaws.com:443/a.pem",
        "https://sns.eu-west-1.amazonaws.com.evil.example/a.pem",
        "https://evil.example/sns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com@evil.example/a.pem",
        "https://user@sns.eu-west-1.amazonaws.com/a.pem",
        "https://evil.example#@sns.eu-west-1.amazonaws.com/a.pem",
        "https://evil.example\\@sns.eu-west-1.amazonaws.com/a.pem",
        "https://xsns.eu-west-1.amazonaws.com/a.pem",
        "https://sns.s3-us-west-2.amazonaws.com/a.pem",
        "https://sns.s3.amazonaws.com/a.pem",
        "https://sns.eu-west-1.amazonaws.com./a.pem",
        "https://sns.eu-west-1.amazonaws\u3002com/a.pem",
        "https://sns.eu-w\u0435st-1.amazonaws.com/a.pem",
        "https://sns.eu-west-\u0661.amazonaws.com/a.pem",
        "https://127.0.0.1/a.pem",
        "https://[::1]/a.pem",
        "https://169.254.169.254/latest/a.pem",
        "https://2130706433/a.pem",
        "https://sns.eu-west-1.amazonaws.com/../a.pem",
        "https://sns.eu-west-1.amazonaws.com/%2e%2e/a.pem",
        "https://sns.eu-west-1.amazonaws.com/?Action=x&b=.pem",
        "https://sns.eu-west-1.amazonaws.com/a.pem?x",
        "https://sns.eu-west-1.amazonaws.com/a.pem#x",
        "https://sns.eu-west-1.amazonaws.com/a.pem\r\nX: y",
        "https://sns.eu-west-1.amazonaws.com/a.pem\n",
        " https://sns.eu-west-1.amazonaws.com/a.pem",
        "//sns.eu-west-1.amazonaws.com/a.pem",
        "file:///etc/ssl/a.pem",
        "",
        "a.pem",
    ],
)
def test_no_address_but_of_sns_itself_is_asked(key_server: KeyServer, signer: Signer, url: str) -> None:
    result = verify("aws_sns", sns_message(signer, SigningCertURL=url), HEADERS, TOPIC)

    assert result.reason == "malformed_header"
    assert key_server.asked == []


@pytest.mark.parametrize("url", [CERTIFICATE, "https://sns.cn-north-1.amazonaws.com.cn/a.pem"])
def test_its_own_addresses_are(key_server: KeyServer, signer: Signer, url: str) -> None:
    publish(key_server, signer, url)

    assert verify("aws_sns", sns_message(signer, SigningCertURL=url), HEADERS, TOPIC)


def test_a_publisher_cannot_write_another_topic_into_a_message(key_server: KeyServer, signer: Signer) -> None:
    """What is signed is lines: those of a message with lines of its own can be read as another one's."""
    publish(key_server, signer)
    theirs = TOPIC.replace("123456789012", "666666666666")
    text = f"hello\nMessageId\nm\nTimestamp\n2026-11-29T12:00:00Z\nTopicArn\n{TOPIC}\nType\nNotification"
    signed = json.loads(sns_message(signer, Message=text, TopicArn=theirs))
    rest = signed_text(signed).decode().partition("\nType\n")[2].removesuffix("\n")
    forged = {
        "Message": "hello",
        "MessageId": "m",
        "Timestamp": "2026-11-29T12:00:00Z",
        "TopicArn": TOPIC,
        "Type": rest,
    }
    assert signed_text(forged) == signed_text(signed), "the attack is what it says"

    body = json.dumps({**signed, **forged})

    assert verify("aws_sns", body, HEADERS, TOPIC).reason == "malformed_header"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b"{}",
        b'{"Type": "Notification"}',
        b"[" * 100_000,
        b'{"Type": 1, "Message": null}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_malformed(key_server: KeyServer, body: bytes) -> None:
    assert verify("aws_sns", body, HEADERS, TOPIC).reason == "malformed_header"


def test_a_name_that_stands_twice_is_refused(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, signer)
    body = sns_message(signer)

    assert (
        verify("aws_sns", b'{"Message": "a forged one",' + body[1:], HEADERS, TOPIC).reason
        == "malformed_header"
    )


def test_raw_delivery_is_named(key_server: KeyServer) -> None:
    result = verify("aws_sns", b"an order", {"x-amz-sns-rawdelivery": "true"}, TOPIC)

    assert "Raw message delivery is on" in str(result.hint)


@pytest.mark.parametrize("version", ["3", "", "02"])
def test_another_version_is_malformed(key_server: KeyServer, signer: Signer, version: str) -> None:
    message = {**json.loads(sns_message(signer)), "SignatureVersion": version}

    assert verify("aws_sns", json.dumps(message), HEADERS, TOPIC).reason == "malformed_header"


def test_a_signature_of_one_version_is_none_of_the_other(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, signer)
    message = json.loads(sns_message(signer, version="1"))
    message["SignatureVersion"] = "2"

    assert verify("aws_sns", json.dumps(message), HEADERS, TOPIC).reason == "hmac_mismatch"
    message["Signature"] = signature(signer, signed_text(message), "2")
    assert verify("aws_sns", json.dumps(message), HEADERS, TOPIC)


def test_a_certificate_that_is_over_is_no_key(key_server: KeyServer) -> None:
    old = make_signer(days=-1)
    publish(key_server, old)

    result = verify("aws_sns", sns_message(old), HEADERS, TOPIC)

    assert result.reason == "key_unavailable"
    assert "not valid" in str(result.hint) or "no key" in str(result.hint)


def test_a_message_older_than_the_endpoint_takes_is_refused(key_server: KeyServer, signer: Signer) -> None:
    publish(key_server, signer)

    result = verify("aws_sns", sns_message(signer), HEADERS, TOPIC, tolerance=3600, now=1795953600.0 + 3601)

    assert result.reason == "timestamp_drift"
