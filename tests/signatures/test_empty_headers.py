"""A header that was sent with nothing in it is malformed; only one that was not sent is missing."""

from __future__ import annotations

import pytest

from outworx_otel.http.headers import Headers
from outworx_otel.signatures import SignatureScheme, Verifier, scheme_for, sign, verify
from outworx_otel.signatures.checker import Checker
from outworx_otel.signatures.named import verify_slack_signature_detailed, verify_stripe_signature_detailed

from .deliveries import BODY, NOW, PROVIDERS, WHSEC, delivery_of

SECRET = "secret"  # noqa: S105 - made up
_SIGNATURES = (
    *("signature", "sha256", "-256", "-v1", "-v3", "-1", "ed25519", "authorization", "-sig"),
    *("-primary", "-jwt", "-webhook", "-mac"),
)
HEADERS = [(name, header) for name in PROVIDERS for header in delivery_of(name).headers]


@pytest.mark.parametrize("value", ["", b""])
@pytest.mark.parametrize(("provider", "header"), HEADERS)
def test_an_empty_signature_time_or_id_header_is_malformed_and_not_missing(
    provider: str, header: str, value: str
) -> None:
    delivery = delivery_of(provider)
    changed = {**delivery.headers, header: value}
    for headers in (changed, list(changed.items()), Headers(list(_text(changed).items()))):
        result = delivery.verified(headers=headers)
        assert result.reason == "malformed_header", (headers, result)


@pytest.mark.parametrize("provider", [name for name in PROVIDERS if delivery_of(name).headers])
def test_a_signature_header_of_white_space_is_malformed(provider: str) -> None:
    delivery = delivery_of(provider)
    row = scheme_for(provider)
    assert row is not None
    in_any = row.algorithm == "token"
    blank = {name: " " for name in delivery.headers if in_any or name.endswith(_SIGNATURES)}
    assert blank

    assert delivery.verified(headers={**delivery.headers, **blank}).reason == "malformed_header"


def _text(headers: dict[str, object]) -> dict[str, str]:
    return {
        name: value.decode() if isinstance(value, bytes) else str(value) for name, value in headers.items()
    }


@pytest.mark.parametrize(("provider", "header"), HEADERS)
def test_the_same_header_left_out_is_missing(provider: str, header: str) -> None:
    delivery = delivery_of(provider)
    headers = {name: value for name, value in delivery.headers.items() if name != header}

    assert delivery.verified(headers=headers).reason == "missing_header"


def test_an_empty_header_does_not_hide_its_other_name() -> None:
    headers = sign("standardwebhooks", BODY, WHSEC, now=NOW)
    empty = {"svix-signature": "", "svix-id": "", "svix-timestamp": ""}

    assert verify("svix", BODY, {**empty, **headers}, WHSEC, now=NOW)
    assert verify("svix", BODY, empty, WHSEC, now=NOW).reason == "malformed_header"


def test_an_empty_timestamp_that_is_signed_but_not_looked_at_is_malformed_on_both_ways() -> None:
    scheme = SignatureScheme(
        provider="acme",
        signature_header="x-acme",
        timestamp_header="x-time",
        timestamp_unit="opaque",
        message="{timestamp}.{body}",
    )
    checker = Checker(scheme, ((0, "secret"),), None)
    assert checker.express is not None
    signature = checker.keys[0][1].sign((b".", BODY, b"")).hex()  # type: ignore[attr-defined]  # an HMAC

    verifier = Verifier("github", "secret")
    verifier._checkers, verifier._express = (checker,), checker.express
    for headers in ({"x-acme": signature, "x-time": ""}, [("x-acme", signature), ("x-time", "")]):
        assert verifier.verify(BODY, headers).reason == "malformed_header"


def test_the_functions_of_the_reference_page_tell_empty_from_absent() -> None:
    assert (
        verify_stripe_signature_detailed(raw_body=b"", header="", secret=SECRET).reason == "malformed_header"
    )
    assert (
        verify_stripe_signature_detailed(raw_body=b"", header=None, secret=SECRET).reason == "missing_header"
    )
    empty = {"x-slack-signature": "", "x-slack-request-timestamp": "1"}
    assert (
        verify_slack_signature_detailed(raw_body=b"", headers=empty, secret=SECRET).reason
        == "malformed_header"
    )


def test_an_empty_header_is_hashed_for_like_any_other(monkeypatch: pytest.MonkeyPatch) -> None:
    from outworx_otel.signatures.keys import HmacKey

    hashed: list[int] = []
    matches = HmacKey.matches

    def counting(self: HmacKey, message: tuple[bytes, bytes, bytes], signatures: list[bytes]) -> bool:
        hashed.append(len(message[1]))
        return matches(self, message, signatures)

    monkeypatch.setattr(HmacKey, "matches", counting)
    Verifier("stripe", "secret").verify(BODY, {"stripe-signature": ""}, diagnose=False)

    assert hashed == [len(BODY)]
