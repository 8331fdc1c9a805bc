"""What vendors' own libraries sign, we accept; what we sign, they accept.

Every library here is a development dependency: a missing one is an error, never a skip. Those that are slow to import
are imported by their test: each of pytest's processes collects this file.
"""

# ruff: noqa: S105 - the secrets are made up
from __future__ import annotations

import base64
import hashlib
import importlib
import json
import time
from collections.abc import Callable
from datetime import datetime, timezone
from types import SimpleNamespace
from typing import TypeVar

import discord_interactions
import gocardless_pro.webhooks
import pytest
import slack_sdk.signature
import stripe
from Adyen.util import generate_notification_sig, is_valid_hmac_notification
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hubspot.utils.signature import Signature as HubspotSignature
from nacl.signing import SigningKey
from razorpay import Utility as RazorpayUtility
from sendgrid.helpers.eventwebhook import EventWebhook
from square.utils.webhooks_helper import verify_signature as square_verifies
from twilio.request_validator import RequestValidator

from outworx_otel.signatures import sign, sign_request, verify
from outworx_otel.signatures.registry import built_in_providers

from .deliveries import ADYEN_BODY, EC_PRIVATE, EC_PUBLIC, URL, WHSEC
from .vectors import vectors

TEXT = '{"id":"evt_1","text":"Zoë ✓","amount":1.50}'
BODY = TEXT.encode()
SECRET = "a shared secret"
FORM = "From=%2B14158675310&Body=Hello+there%21&Empty=&CallSid=CA123&Tag=b&Tag=a&Tag=b"
FIELDS = {"From": "+14158675310", "Body": "Hello there!", "Empty": "", "CallSid": "CA123"}
FORM_HEADERS = {"content-type": "application/x-www-form-urlencoded"}

CROSS_TESTED: set[str] = set()
_Test = TypeVar("_Test", bound=Callable[..., None])


def cross_tested(*providers: str) -> Callable[[_Test], _Test]:
    """Says whose own code the test runs."""
    CROSS_TESTED.update(providers)
    return lambda test: test


@cross_tested("stripe")
def test_stripe_accepts_ours_and_we_accept_stripes() -> None:
    header = sign("stripe", BODY, SECRET)["stripe-signature"]
    theirs = stripe.WebhookSignature.generate_signature_header(TEXT, SECRET)

    assert stripe.WebhookSignature.verify_header(TEXT, header, SECRET, 300)
    assert verify("stripe", BODY, {"Stripe-Signature": theirs}, SECRET)


@cross_tested("standardwebhooks", "render", "svix", "clerk", "resend", "supabase", "gitlab")
@pytest.mark.parametrize(
    ("provider", "library", "prefix"),
    [
        ("standardwebhooks", "standardwebhooks", "webhook"),
        ("render", "standardwebhooks", "webhook"),
        ("svix", "svix", "svix"),
        ("clerk", "svix", "svix"),
        ("resend", "svix", "svix"),
        ("svix", "svix", "webhook"),
        # They name the specification's library, or sign by it.
        ("supabase", "standardwebhooks", "webhook"),
        ("gitlab", "standardwebhooks", "webhook"),
    ],
)
def test_standard_webhooks_libraries_agree_both_ways(provider: str, library: str, prefix: str) -> None:
    webhook = importlib.import_module(library).Webhook
    now = datetime.now(tz=timezone.utc)
    theirs = {
        f"{prefix}-id": "msg_1",
        f"{prefix}-timestamp": str(int(now.timestamp())),
        f"{prefix}-signature": webhook(WHSEC).sign("msg_1", now, TEXT),
    }

    webhook(WHSEC).verify(TEXT, sign(provider, BODY, WHSEC))
    assert verify(provider, BODY, theirs, WHSEC)


@cross_tested("openai")
@pytest.mark.parametrize("secret", [WHSEC, "a plain secret"])
def test_openai_accepts_ours(secret: str) -> None:
    from openai.lib._webhooks import webhook_signature_matches

    assert webhook_signature_matches(BODY, sign("openai", BODY, secret), secret=secret, tolerance=300)


@cross_tested("slack")
def test_slack_accepts_ours_and_we_accept_slacks() -> None:
    verifier = slack_sdk.signature.SignatureVerifier(SECRET)
    stamp = str(int(time.time()))
    theirs = {
        "X-Slack-Request-Timestamp": stamp,
        "X-Slack-Signature": verifier.generate_signature(timestamp=stamp, body=BODY),
    }

    assert verifier.is_valid_request(BODY, sign("slack", BODY, SECRET))
    assert verify("slack", BODY, theirs, SECRET)


@cross_tested("twilio")
@pytest.mark.parametrize("url", [URL, "https://example.com:443/hook", "http://example.com/hook?x=%2F"])
def test_twilio_forms_agree_both_ways(url: str) -> None:
    validator = RequestValidator(SECRET)
    body = "&".join(part for part in FORM.split("&") if not part.startswith("Tag"))
    ours = sign("twilio", body, SECRET, url=url, headers=FORM_HEADERS)["x-twilio-signature"]
    theirs = {"X-Twilio-Signature": validator.compute_signature(url, FIELDS), **FORM_HEADERS}

    assert validator.validate(url, FIELDS, ours)
    assert verify("twilio", body, theirs, SECRET, url=url)


def test_twilio_drops_repeated_values_as_its_library_does() -> None:
    fields = _MultiDict({**{name: [value] for name, value in FIELDS.items()}, "Tag": ["b", "a", "b"]})
    signature = RequestValidator(SECRET).compute_signature(URL, fields)

    assert verify("twilio", FORM, {"X-Twilio-Signature": signature, **FORM_HEADERS}, SECRET, url=URL)


class _MultiDict(dict[str, list[str]]):
    def getlist(self, name: str) -> list[str]:
        return self[name]


def test_twilio_json_is_covered_by_the_hash_in_its_url() -> None:
    signed = sign_request("twilio", BODY, SECRET, url=URL, headers={"content-type": "application/json"})
    headers = {**signed.headers, "content-type": "application/json"}

    assert RequestValidator(SECRET).validate(signed.url, TEXT, signed.headers["x-twilio-signature"])
    assert verify("twilio", BODY, headers, SECRET, url=signed.url)
    assert not verify("twilio", BODY + b" ", headers, SECRET, url=signed.url)


def test_twilio_sha256_counts_only_when_it_is_announced() -> None:
    settings = {"X-Twilio-Webhooks-Signature-Settings": "key=k1,algorithm=HMAC_SHA256", **FORM_HEADERS}
    body = "CallSid=CA123"
    signature = RequestValidator(SECRET).compute_signature(URL, {"CallSid": "CA123"}, "HMAC_SHA256")
    theirs = {"X-Twilio-Signature": signature}

    assert sign("twilio", body, SECRET, url=URL, headers=settings)["x-twilio-signature"] == signature
    assert verify("twilio", body, {**theirs, **settings}, SECRET, url=URL)
    assert not verify("twilio", body, {**theirs, **FORM_HEADERS}, SECRET, url=URL)


@cross_tested("square")
def test_square_accepts_ours() -> None:
    header = sign("square", BODY, SECRET, url=URL)["x-square-hmacsha256-signature"]

    assert square_verifies(
        request_body=TEXT, signature_header=header, signature_key=SECRET, notification_url=URL
    )


@cross_tested("paddle")
def test_paddle_accepts_ours() -> None:
    from paddle_billing.Notifications import Secret, Verifier

    request = SimpleNamespace(
        body=BODY, headers={"Paddle-Signature": sign("paddle", BODY, SECRET)["paddle-signature"]}
    )

    assert Verifier().verify(request, Secret(SECRET))


@cross_tested("hubspot")
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_hubspot_agrees_both_ways(method: str) -> None:
    stamp = str(int(time.time() * 1000))
    ours = sign("hubspot", BODY, SECRET, url=URL, method=method)
    signature = HubspotSignature.get_signature(SECRET, TEXT, "v3", URL, method, stamp)
    theirs = {"X-HubSpot-Signature-v3": signature, "X-HubSpot-Request-Timestamp": stamp}

    assert HubspotSignature.is_valid(
        ours["x-hubspot-signature-v3"],
        SECRET,
        TEXT,
        http_uri=URL,
        http_method=method,
        signature_version="v3",
        timestamp=ours["x-hubspot-request-timestamp"],
    )
    assert verify("hubspot", BODY, theirs, SECRET, url=URL, method=method)
    assert not verify("hubspot", BODY, theirs, SECRET, url=URL, method="PATCH")


@cross_tested("adyen")
def test_adyen_agrees_both_ways() -> None:
    key = "44" * 32
    signed = json.loads(sign_request("adyen", ADYEN_BODY, key).body)
    data = json.loads(ADYEN_BODY)
    item = data["notificationItems"][0]["NotificationRequestItem"]
    item["additionalData"]["hmacSignature"] = generate_notification_sig(item, key).decode()

    assert is_valid_hmac_notification(signed, key)
    assert verify("adyen", json.dumps(data), {}, key)


def test_adyen_checks_every_item_where_its_library_checks_the_first() -> None:
    data = json.loads(sign_request("adyen", ADYEN_BODY, "44" * 32).body)
    forged = json.loads(json.dumps(data["notificationItems"][0]))
    forged["NotificationRequestItem"]["amount"]["value"] = 999_999
    data["notificationItems"].append(forged)

    assert is_valid_hmac_notification(data, "44" * 32)
    assert verify("adyen", json.dumps(data), {}, "44" * 32).reason == "hmac_mismatch"


@cross_tested("sendgrid")
def test_sendgrid_agrees_both_ways() -> None:
    private = serialization.load_pem_private_key(EC_PRIVATE.encode(), password=None)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    stamp = str(int(time.time()))
    der = private.sign(stamp.encode() + BODY, ec.ECDSA(hashes.SHA256()))
    header, when = "x-twilio-email-event-webhook-signature", "x-twilio-email-event-webhook-timestamp"
    ours = sign("sendgrid", BODY, EC_PRIVATE)
    theirs = {header: base64.b64encode(der).decode(), when: stamp}

    assert EventWebhook(EC_PUBLIC).verify_signature(TEXT, ours[header], ours[when])
    assert verify("sendgrid", BODY, theirs, EC_PUBLIC)
    assert not verify("sendgrid", BODY + b" ", theirs, EC_PUBLIC)


@cross_tested("discord")
def test_discord_accepts_ours_and_we_accept_what_pynacl_signs() -> None:
    key = SigningKey(hashlib.sha256(b"discord").digest())
    public = key.verify_key.encode().hex()
    ours = sign("discord", BODY, key.encode().hex())
    stamp = str(int(time.time()))
    signature = key.sign(stamp.encode() + BODY).signature.hex()
    theirs = {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": stamp}

    assert discord_interactions.verify_key(
        BODY, ours["x-signature-ed25519"], ours["x-signature-timestamp"], public
    )
    assert verify("discord", BODY, theirs, public)


@cross_tested("telnyx")
def test_telnyx_accepts_ours() -> None:
    import telnyx.lib.webhook_verification

    key = SigningKey(hashlib.sha256(b"telnyx").digest())
    public = base64.b64encode(key.verify_key.encode()).decode()
    headers = sign("telnyx", BODY, key.encode().hex())

    telnyx.lib.webhook_verification.verify_webhook_signature(BODY, headers, public)
    assert verify("telnyx", BODY, headers, public)


def test_standard_webhooks_public_keys_verify_what_pynacl_signs() -> None:
    key = SigningKey(hashlib.sha256(b"standard").digest())
    public = "whpk_" + base64.b64encode(key.verify_key.encode()).decode()
    private = "whsk_" + base64.b64encode(key.encode() + key.verify_key.encode()).decode()
    stamp = str(int(time.time()))
    signature = base64.b64encode(key.sign(f"msg_1.{stamp}.".encode() + BODY).signature).decode()
    theirs = {
        "webhook-id": "msg_1",
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature} v1a,{signature}",
    }

    assert verify("standardwebhooks", BODY, theirs, public)
    assert verify("standardwebhooks", BODY, sign("standardwebhooks", BODY, private), public)
    assert not verify("standardwebhooks", BODY + b" ", theirs, public)


@cross_tested("workos")
def test_workos_accepts_ours_and_we_accept_its_space_after_the_comma() -> None:
    import workos.webhooks._verification

    header = sign("workos", BODY, SECRET)["workos-signature"].replace(",", ", ")

    workos.webhooks._verification.verify_header(event_body=BODY, event_signature=header, secret=SECRET)
    assert verify("workos", BODY, {"WorkOS-Signature": header}, SECRET)


@cross_tested("line")
def test_line_accepts_ours() -> None:
    from linebot.v3.webhook import SignatureValidator

    assert SignatureValidator(SECRET).validate(TEXT, sign("line", BODY, SECRET)["x-line-signature"])


@cross_tested("razorpay")
def test_razorpay_accepts_ours() -> None:
    header = sign("razorpay", BODY, SECRET)["x-razorpay-signature"]

    assert RazorpayUtility().verify_webhook_signature(TEXT, header, SECRET)


@cross_tested("gocardless")
def test_gocardless_accepts_ours() -> None:
    gocardless_pro.webhooks._verify_signature(
        BODY, SECRET, sign("gocardless", BODY, SECRET)["webhook-signature"]
    )


# Their vectors are still to be found; this list only becomes shorter.
_UNPROVED = frozenset({"intercom", "zendesk"})


def test_no_provider_is_shipped_without_a_vector_or_a_cross_test() -> None:
    proved = CROSS_TESTED | vectors().keys()
    names = {provider.scheme.provider for provider in built_in_providers()}

    assert names - proved == _UNPROVED, "see CONTRIBUTING.md, Add a provider"
    assert proved <= names
