"""Signatures that vendors and specifications have published, each with its source."""

# ruff: noqa: S105 - the secrets are made up
from __future__ import annotations

import json

import pytest

from outworx_otel.signatures import sign, verify

GITHUB_DOCS = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
OCTOKIT = "4864d2759938a15468b5df9ade20bf161da9b4f737ea61794142f3484236bda3"
SLACK_BODY = (
    "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
    "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
    "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
    "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
)


@pytest.mark.parametrize(
    ("secret", "body", "digest"),
    [("It's a Secret to Everybody", "Hello, World!", GITHUB_DOCS), ("mysecret", '{"foo":"bar"}', OCTOKIT)],
    ids=["docs.github.com", "octokit/webhooks.js"],
)
def test_github_vectors_are_accepted_and_signed_alike(secret: str, body: str, digest: str) -> None:
    headers = {"X-Hub-Signature-256": f"sha256={digest}"}

    assert verify("github", body, headers, secret)
    assert sign("github", body, secret) == {"x-hub-signature-256": f"sha256={digest}"}


def test_slack_documentation_vector_is_accepted_at_its_time() -> None:
    headers = {
        "X-Slack-Request-Timestamp": "1531420618",
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    }
    secret = "8f742231b10e8888abcd99yyyzzz85a5"

    assert verify("slack", SLACK_BODY, headers, secret, now=1531420618 + 300)
    assert verify("slack", SLACK_BODY, headers, secret, now=1531420618 + 301).reason == "timestamp_drift"


@pytest.mark.parametrize("provider", ["standardwebhooks", "svix", "clerk", "openai", "render"])
def test_standard_webhooks_vector_is_accepted_by_all_who_follow_the_specification(provider: str) -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }

    result = verify(
        provider, '{"test": 2432232314}', headers, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", now=1614265331
    )

    assert result.valid
    assert result.signed_at == 1614265330


def test_square_vector_covers_url_and_body() -> None:
    headers = {"x-square-hmacsha256-signature": "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U="}
    body = '{"data":{"type":"webhooks","id":">id<"}}'

    assert verify("square", body, headers, "signature-key", url="https://webhook.site/webhooks")
    assert not verify("square", body, headers, "signature-key", url="https://webhook.site/other")


def test_twilio_documentation_vector_is_accepted() -> None:
    body = "CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&Caller=%2B14158675309&To=%2B18005551212"
    headers = {
        "X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=",
        "Content-Type": "application/x-www-form-urlencoded",
    }

    assert verify("twilio", body, headers, "12345", url="https://mycompany.com/myapp.php?foo=1&bar=2")


def test_sanity_vector_is_url_safe_base64_without_padding() -> None:
    headers = {"sanity-webhook-signature": "t=1633519811129,v1=tLa470fx7qkLLEcMOcEUFuBbRSkGujyskxrNXcoh0N0"}

    assert verify("sanity", '{"_id":"resume"}', headers, "test")


def test_adyen_documentation_item_is_accepted() -> None:
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
    }
    body = json.dumps({"notificationItems": [{"NotificationRequestItem": item}]})

    assert verify("adyen", body, {}, "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056")
