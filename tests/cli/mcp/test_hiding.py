"""What is hidden as a secret, and what is left alone because it only speaks of one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outworx_otel.cli.mcp.hiding import Hiding

VALUE = "v4lue-of-a-secret"


@pytest.fixture(autouse=True)
def _nothing_configured(monkeypatch: pytest.MonkeyPatch, folder_of_nobody: None) -> None:
    monkeypatch.delenv("OUTWORX_API_KEY", raising=False)


@pytest.fixture
def folder_of_nobody(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("nobody"))


@pytest.mark.parametrize(
    "text",
    [
        f"/hook?token={VALUE}",
        f"/hook?a=1&client_secret={VALUE}&b=2",
        f"https://api.example/x?access_token={VALUE}#y",
        f"api_key={VALUE}",
        f'{{"password": "{VALUE}"}}',
        f'{{"a": {{"deep": [{{"apiKey": "{VALUE}"}}]}}}}',
        f"KeyError: {{'session_token': '{VALUE}', 'a': 1}}",
        f'not json {{"secret" : "{VALUE}"',
        f"X-Api-Key: {VALUE}",
        f"curl -H 'X-Auth-Token: {VALUE}' http://x",
        f"postgresql://shop:{VALUE}@db/shop",
        f"Authorization: Bearer {VALUE}",
    ],
)
def test_a_value_is_hidden_by_its_name_wherever_it_stands(text: str) -> None:
    hidden = Hiding().text(text)
    assert VALUE not in hidden
    assert "[redacted]" in hidden


@pytest.mark.parametrize(
    "text",
    [
        "the signature does not fit the secret: compare the endpoint's secret with the provider's",
        "hmac_mismatch: the signature was computed with another secret",
        "/webhooks/stripe?page=2&sort=asc",
        "ValueError: a bad token: expected one of a, b",
        "payments.py, line 7, in paid",
        "charge.succeeded",
        '{"id": "evt_1", "amount": 4900}',
    ],
)
def test_what_only_speaks_of_a_secret_is_left_alone(text: str) -> None:
    assert Hiding().text(text) == text


@given(before=st.text(), after=st.text())
def test_what_is_known_is_hidden_whatever_stands_around_it(before: str, after: str) -> None:
    hiding = Hiding([VALUE])
    assert VALUE not in hiding.text(f"{before}{VALUE}{after}")
    assert VALUE not in hiding.said(f"{before}{VALUE}{after}")
    assert VALUE not in str(hiding.document({f"{before}{VALUE}": [{"a": f"{VALUE}{after}"}]}))


def test_the_verdict_on_a_signature_is_no_signature() -> None:
    verdict = {
        "signature.valid": False,
        "signature.reason": "hmac_mismatch",
        "signature.key_index": 1,
        "http.request.header.x-hub-signature-256": [VALUE],
        "metadata.api_key": VALUE,
        "secret_is_set": True,
    }
    hidden = Hiding().document(verdict)
    assert hidden == {
        **verdict,
        "http.request.header.x-hub-signature-256": "[redacted]",
        "metadata.api_key": "[redacted]",
    }


def test_what_the_environment_calls_a_secret_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_STRIPE_SECRET", VALUE)
    monkeypatch.setenv("OUTWORX_SERVE_API_KEYS", "read:owx-reader-key admin:owx-admin-key")
    monkeypatch.setenv("XDG_SESSION_DESKTOP", "ubuntu")
    hiding = Hiding()
    for secret in (VALUE, "owx-reader-key", "owx-admin-key"):
        assert hiding.said(f"it was {secret}.") == "it was [redacted]."
    assert hiding.text("runs on ubuntu") == "runs on ubuntu"
