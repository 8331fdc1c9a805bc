"""Each reason is given for what the reference page says it means."""

from __future__ import annotations

import json

import pytest

from outworx_otel.signatures import REASONS, SignatureResult, scheme_for, sign, verify

from .deliveries import BODY, NOW, PROVIDERS, WHSEC, delivery_of


def test_result_is_true_exactly_when_valid() -> None:
    assert SignatureResult(True)
    assert not SignatureResult(False, "hmac_mismatch")


def test_there_are_eleven_stable_reasons() -> None:
    assert sorted(REASONS) == [
        "body_unavailable",
        "credentials_mismatch",
        "hmac_mismatch",
        "key_unavailable",
        "malformed_header",
        "missing_header",
        "missing_secret",
        "parsed_body",
        "timestamp_drift",
        "unsupported_provider",
        "verifier_threw",
    ]


_SENDER_ONLY = {"dropbox_sign", "jira_connect", "mailgun", "mercado_pago", "monday"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_provider_accepts_its_own_delivery(provider: str) -> None:
    result = delivery_of(provider).verified()

    assert result == (True, None, None, 0, result.signed_at, result.kind)
    row = scheme_for(provider)
    assert row is not None
    sends_its_secret = row.algorithm == "token" and provider != "gitlab"  # its token here is a signing one
    assert result.kind == ("authenticated" if sends_its_secret or provider in _SENDER_ONLY else "verified")


@pytest.mark.parametrize(
    ("secret", "headers", "kind"),
    [
        ("an-old-token", {"x-gitlab-token": "an-old-token"}, "authenticated"),
        (WHSEC, sign("gitlab", BODY, WHSEC, now=NOW), "verified"),
        (["an-old-token", WHSEC], {"x-gitlab-token": "an-old-token"}, "authenticated"),
        (["an-old-token", WHSEC], sign("gitlab", BODY, WHSEC, now=NOW), "verified"),
        ("an-old-token", {"x-gitlab-token": "another"}, None),
        (WHSEC, {}, None),
    ],
)
def test_a_token_authenticates_the_sender_and_only_a_signature_verifies(
    secret: str, headers: dict[str, str], kind: str | None
) -> None:
    assert verify("gitlab", BODY, headers, secret, now=NOW).kind == kind


@pytest.mark.parametrize("token", ["another", "an-old-token ", "x" * 5000])
def test_a_wrong_token_is_credentials_mismatch_and_not_a_wrong_signature(token: str) -> None:
    result = verify("gitlab", BODY, {"x-gitlab-token": token}, "an-old-token")

    assert result.reason == "credentials_mismatch"
    assert "signature" not in (result.hint or "")


def test_a_token_with_white_space_round_it_is_proved_and_stays_a_credentials_mismatch() -> None:
    result = verify("gitlab", BODY, {"x-gitlab-token": "an-old-token"}, "an-old-token\n")

    assert result.reason == "credentials_mismatch"
    assert "white space" in (result.hint or "")


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if delivery_of(name).headers])
def test_a_request_without_the_signature_header_is_missing_header(provider: str) -> None:
    result = delivery_of(provider).verified(headers={"content-type": "application/json"})

    assert result.reason == "missing_header"
    assert result.hint


@pytest.mark.parametrize("provider", ["slack", "svix", "hubspot", "twitch", "discord", "zendesk"])
def test_a_request_without_one_of_the_other_signed_headers_is_missing_header(provider: str) -> None:
    delivery = delivery_of(provider)
    signature = sorted(name for name in delivery.headers if "signature" in name and "timestamp" not in name)

    result = delivery.verified(headers={signature[0]: delivery.headers[signature[0]]})

    assert result.reason == "missing_header"


@pytest.mark.parametrize(
    ("provider", "headers"),
    [
        ("stripe", {"stripe-signature": "t=1790000000"}),
        ("stripe", {"stripe-signature": "v1=" + "0" * 64}),
        ("stripe", {"stripe-signature": "t=1790000000,v1=not-hex"}),
        ("stripe", {"stripe-signature": "t=17_90,v1=" + "0" * 64}),
        ("stripe", {"stripe-signature": "t=-5,v1=" + "0" * 64}),
        ("stripe", {"stripe-signature": "t=" + "9" * 5000 + ",v1=" + "0" * 64}),
        ("github", {"x-hub-signature-256": "0" * 64}),
        ("shopify", {"x-shopify-hmac-sha256": "@@@not-base64@@@"}),
        ("shopify", {"x-shopify-hmac-sha256": "8Ybc/VHvWk NqkCefuKaMupAjYvz5q0IJEur5dhQgins="}),
        ("slack", {"x-slack-signature": "v0=" + "0" * 64, "x-slack-request-timestamp": "soon"}),
        ("svix", {"svix-id": "m", "svix-timestamp": "1790000000", "svix-signature": "v2,abc def,ghi"}),
        ("zendesk", {"x-zendesk-webhook-signature": "AAAA", "x-zendesk-webhook-signature-timestamp": "now"}),
    ],
)
def test_a_header_of_another_form_is_malformed_header(provider: str, headers: dict[str, str]) -> None:
    secret = WHSEC if provider == "svix" else "secret"

    assert verify(provider, BODY, headers, secret, now=NOW).reason == "malformed_header"


@pytest.mark.parametrize(("shift", "words"), [(600, "600 s ago"), (-600, "600 s in the future")])
def test_a_timestamp_outside_the_window_is_timestamp_drift_with_its_size(shift: int, words: str) -> None:
    headers = sign("stripe", BODY, "secret", now=NOW)

    result = verify("stripe", BODY, headers, "secret", now=NOW + shift)

    assert result.reason == "timestamp_drift"
    assert words in (result.hint or "")
    assert "the signature is right" in (result.hint or "")
    assert result.signed_at == NOW


@pytest.mark.parametrize("provider", ["stripe", "standardwebhooks", "slack", "github", "shopify", "square"])
def test_another_secret_is_hmac_mismatch_even_for_compact_json(provider: str) -> None:
    delivery = delivery_of(provider)
    other = "whsec_" + "QUJD" * 8

    result = verify(provider, delivery.body, delivery.headers, other, now=NOW, url=delivery.url)

    assert result.reason == "hmac_mismatch"


def test_json_that_was_parsed_and_written_again_is_parsed_body() -> None:
    headers = sign("github", BODY, "secret")

    result = verify("github", json.dumps(json.loads(BODY), indent=2), headers, "secret")

    assert result.reason == "parsed_body"


def test_an_unknown_provider_is_unsupported_provider() -> None:
    assert verify("acme", BODY, {}, "secret").reason == "unsupported_provider"


@pytest.mark.parametrize("secret", ["", "  ", b"", [], [""], ["good", ""], None])
def test_no_secret_is_missing_secret(secret: object) -> None:
    headers = sign("github", BODY, "good")

    result = verify("github", BODY, headers, secret)  # type: ignore[arg-type]  # what an unset variable gives

    assert result.reason == "missing_secret"


def test_a_secret_that_cannot_be_used_is_verifier_threw_and_says_why() -> None:
    headers = sign("svix", BODY, WHSEC)

    result = verify("svix", BODY, headers, f'"{WHSEC}"')

    assert result.reason == "verifier_threw"
    assert "quotes" in (result.hint or "")
    assert WHSEC not in (result.hint or "")


def test_headers_that_raise_when_read_are_verifier_threw() -> None:
    class Broken(dict[str, str]):
        def items(self) -> object:  # type: ignore[override]  # broken on purpose
            raise RuntimeError("no headers today")

    assert verify("github", BODY, Broken(), "secret").reason == "verifier_threw"
