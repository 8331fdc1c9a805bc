"""The stand-alone functions of the reference page, under their old and their new address."""

# ruff: noqa: S106 - the secrets are made up
from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from outworx_otel import security, signatures
from outworx_otel.signatures import sign

from .deliveries import BODY, WHSEC

BY_HEADER = {
    "stripe": "stripe-signature",
    "github": "x-hub-signature-256",
    "shopify": "x-shopify-hmac-sha256",
}
BY_HEADERS = ("slack", "svix", "clerk")


def _functions(provider: str) -> tuple[Callable[..., bool], Callable[..., signatures.SignatureResult]]:
    name = f"verify_{provider}_signature"
    return getattr(security, name), getattr(security, f"{name}_detailed")


@pytest.mark.parametrize("provider", BY_HEADER)
@pytest.mark.parametrize("kind", [bytes, lambda body: body.decode()])
def test_functions_that_take_the_header(provider: str, kind: Callable[[bytes], object]) -> None:
    plain, detailed = _functions(provider)
    header = sign(provider, BODY, "secret")[BY_HEADER[provider]]

    assert plain(raw_body=kind(BODY), header=header, secret="secret") is True
    assert plain(raw_body=kind(BODY), header=header.encode(), secret="secret") is True
    assert plain(raw_body=kind(BODY + b" "), header=header, secret="secret") is False
    assert detailed(raw_body=BODY, header=header, secret="secret").valid
    assert detailed(raw_body=BODY, header=None, secret="secret").reason == "missing_header"


@pytest.mark.parametrize("provider", BY_HEADERS)
def test_functions_that_take_all_headers(provider: str) -> None:
    plain, detailed = _functions(provider)
    headers = sign(provider, BODY, WHSEC)

    assert plain(raw_body=BODY, headers=headers, secret=WHSEC) is True
    assert plain(raw_body=BODY + b" ", headers=headers, secret=WHSEC) is False
    assert detailed(raw_body=BODY.decode(), headers=list(headers.items()), secret=WHSEC).valid
    assert detailed(raw_body=BODY, headers={}, secret=WHSEC).reason == "missing_header"


def test_tolerance_is_in_seconds_and_optional() -> None:
    header = sign("stripe", BODY, "secret", now=1_600_000_000)["stripe-signature"]

    result = security.verify_stripe_signature_detailed(raw_body=BODY, header=header, secret="secret")

    assert result.reason == "timestamp_drift"
    assert security.verify_stripe_signature(raw_body=BODY, header=header, secret="secret", tolerance=10**9)


def test_the_page_can_print_reason_and_hint() -> None:
    header = sign("stripe", BODY, "secret")["stripe-signature"]

    result = security.verify_stripe_signature_detailed(
        raw_body=json.dumps(json.loads(BODY), indent=4), header=header, secret="secret"
    )

    assert f"signature failed: {result.reason}{result.hint}".startswith("signature failed: parsed_body")
