"""A stored request made fit to be sent again, for every provider."""

from __future__ import annotations

import pytest
from signatures.deliveries import PROVIDERS, secrets_of

from outworx_otel.cli.trigger.samples import listed, render
from outworx_otel.server.replay import StoredRequest, resigned
from outworx_otel.signatures import sign_request, verify

THEN, NOW = 1_790_000_000.0, 1_795_000_000.0
OLD_URL, URL = "https://example.com/hooks/in?a=1", "http://localhost:3000/hooks/in?a=1"


def _stored(provider: str, **changes: object) -> StoredRequest:
    """A delivery as it came through the tunnel, months ago."""
    private, _ = secrets_of(provider)
    rendered = render(listed(provider)[0], THEN)
    signed = sign_request(
        provider, rendered.body, private, now=THEN, url=OLD_URL, message_id="msg_1", headers=rendered.headers
    )
    headers = (*rendered.headers, *signed.headers.items())
    values = {"headers": headers, "body": signed.body, **changes}
    return StoredRequest(provider, "POST", "/hooks/in", "a=1", **values)  # type: ignore[arg-type]  # as given


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_old_delivery_is_valid_today_once_it_is_signed_anew(provider: str) -> None:
    private, public = secrets_of(provider)
    stored = _stored(provider)

    request = resigned(stored, private, url=URL, now=NOW)

    assert request.fresh
    assert verify(provider, request.body, request.headers, public, now=NOW, url=request.url)


@pytest.mark.parametrize(
    "provider", [name for name in PROVIDERS if name not in ("linear", "pusher", "adyen", "mailgun", "wix")]
)
def test_the_body_stays_to_the_byte(provider: str) -> None:
    stored = _stored(provider)

    assert resigned(stored, secrets_of(provider)[0], url=URL, now=NOW).body == stored.body


@pytest.mark.parametrize("provider", ["standardwebhooks", "svix", "clerk", "twitch"])
def test_the_message_id_stays_so_that_it_is_the_same_event(provider: str) -> None:
    request = resigned(_stored(provider), secrets_of(provider)[0], url=URL, now=NOW)

    assert [value for name, value in request.headers if name.endswith("-id") and value == "msg_1"] == [
        "msg_1"
    ]


def test_a_timestamp_inside_the_body_is_renewed_and_nothing_else_of_it() -> None:
    stored = _stored("linear")

    request = resigned(stored, secrets_of("linear")[0], url=URL, now=NOW)

    assert str(int(NOW * 1000)).encode() in request.body
    assert len(request.body) == len(stored.body)
    assert "timestamp in the body was renewed" in request.note


def test_a_signature_inside_the_body_that_is_right_is_left_alone() -> None:
    spaced = _stored("adyen").body.replace(b'":', b'" : ')

    request = resigned(_stored("adyen", body=spaced), secrets_of("adyen")[0], url=URL, now=NOW)

    assert (request.body, request.fresh, request.note) == (spaced, True, "")


def test_a_signature_inside_the_body_that_is_wrong_is_renewed_and_that_is_said() -> None:
    stored = _stored("adyen")

    request = resigned(stored, "55" * 32, url=URL, now=NOW)

    assert verify("adyen", request.body, request.headers, "55" * 32)
    assert "signature in the body was renewed" in request.note


def test_what_belonged_to_the_old_connection_does_not_travel() -> None:
    gone = {
        "Host": "example.com",
        "Content-Length": "7",
        "Transfer-Encoding": "chunked",
        "Connection": "keep-alive, X-Named",
        "X-Named": "1",
        "TE": "trailers",
        "X-Forwarded-For": "203.0.113.9",
        "X-Forwarded-Proto": "https",
        "traceparent": "00-11111111111111111111111111111111-2222222222222222-01",
        "X-Outworx-Tunnel": "8b3a",
        "X-Hidden": "[redacted]",
    }
    kept = (("X-Kept", "1"), ("X-Kept", "2"), ("Content-Type", "application/json"))

    request = resigned(_stored("github", headers=(*gone.items(), *kept)), "a secret", url=URL, now=NOW)

    assert request.headers[:3] == kept
    assert [name for name, _ in request.headers[3:]] == ["x-hub-signature-256"]


def test_old_signatures_of_every_kind_are_replaced() -> None:
    headers = (("X-Hub-Signature", "sha1=00"), ("X-Hub-Signature-256", "sha256=00"))
    numbered = tuple((f"X-DocuSign-Signature-{number}", "AAAA") for number in (1, 2, 100))

    github = resigned(_stored("github", headers=headers), "a secret", url=URL, now=NOW)
    docusign = resigned(_stored("docusign", headers=numbered), "a secret", url=URL, now=NOW)

    assert verify("github", github.body, github.headers, "a secret")
    assert not {value for _, value in github.headers} & {"sha1=00", "sha256=00"}
    assert [name for name, _ in docusign.headers if "docusign" in name.lower()] == ["x-docusign-signature-1"]


@pytest.mark.parametrize(
    ("provider", "secret", "said"),
    [
        ("acme", "a secret", "'acme' has no signature that could be renewed"),
        ("", "a secret", "this provider has no signature"),
        ("stripe", None, "no secret is known for stripe"),
        ("sendgrid", secrets_of("sendgrid")[1], "is not a private key"),
    ],
)
def test_what_cannot_be_signed_goes_as_it_is_stored_and_says_so(
    provider: str, secret: str | None, said: str
) -> None:
    stored = StoredRequest(provider, "POST", "/x", "", (("Stripe-Signature", "t=1,v1=00"),), b"{}")

    request = resigned(stored, secret, url=URL, now=NOW)

    assert not request.fresh
    assert said in request.note
    assert (request.headers[0], request.body) == (stored.headers[0], stored.body)


def test_json_without_a_content_type_is_called_json() -> None:
    stored = StoredRequest("github", "POST", "/x", "", (), b' {"a":1}')

    assert ("content-type", "application/json") in resigned(stored, "s", url=URL).headers


def test_a_signed_url_is_the_one_that_the_application_takes_for_its_own() -> None:
    stored = _stored("square")

    request = resigned(
        stored, "a secret", url="http://localhost:3000/hooks?a=1", public_url="https://shop.example.com"
    )

    assert request.url == "http://localhost:3000/hooks?a=1"
    assert verify(
        "square", request.body, request.headers, "a secret", url="https://shop.example.com/hooks?a=1"
    )


def test_no_body_and_no_secret_show_when_they_are_printed() -> None:
    stored = StoredRequest("github", "POST", "/x", "", (), b"a customer's data")

    assert "customer" not in repr(stored) + repr(resigned(stored, "s", url=URL))
