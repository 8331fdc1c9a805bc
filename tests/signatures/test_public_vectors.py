"""Signatures that are the vendors' own, each with its source: see `vectors/`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from outworx_otel.signatures import KeyAnswer, scheme_for, set_key_fetcher, sign, verify
from outworx_otel.signatures.published.keyring import forget_keys

from .deliveries import WHSEC, secrets_of
from .vectors import Vector, vectors

ALL = [
    pytest.param(provider, vector, id=f"{provider}-{number}")
    for provider, found in vectors().items()
    for number, vector in enumerate(found)
]

# What another endpoint would have as its secret, where that is no key.
OTHER_SETTINGS = {
    "alexa": "amzn1.ask.skill.other",
    "apple_appstore": vectors()["apple_appstore"][0].secret.replace("com.example", "com.others"),
    "aws_sns": "arn:aws:sns:eu-west-1:123456789012:others",
    "ebay": '{"environment": "sandbox", "client_id": "shop-app", "client_secret": "an-ebay-secret"}',
    "kinde": "https://others.kinde.com",
    "microsoft_bot": "00000000-4a1b-4c55-9c53-0a1f6a3f9d10",
    "google_pubsub": '{"audience": "https://example.com/others", "email": "push@shop.iam.gserviceaccount.com"}',
    "paypal": "OTHER1",
    "plaid": '{"environment": "sandbox", "client_id": "6253a1f8", "secret": "a-plaid-secret"}',
    "saleor": "https://others.saleor.cloud/graphql/",
}


def _verified(provider: str, vector: Vector, body: str, secret: str | None = None) -> bool:
    return verify(
        provider,
        body,
        vector.headers,
        vector.secret if secret is None else secret,
        url=vector.url,
        method=vector.method,
        now=vector.now,
    ).valid


@pytest.fixture(autouse=True)
def _published(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[None]:
    """Its provider's keys are those of the vector."""
    vector = request.node.callspec.params.get("vector") if hasattr(request.node, "callspec") else None
    if vector is None or not vector.published:
        yield
        return
    if vector.authority is not None:
        (tmp_path / "authority.pem").write_text(vector.authority)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    forget_keys()
    set_key_fetcher(lambda asked: KeyAnswer(vector.published[asked.url].encode()))
    yield
    set_key_fetcher(None)
    forget_keys()


@pytest.mark.parametrize(("provider", "vector"), ALL)
def test_what_a_vendor_signed_is_accepted_and_nothing_else(provider: str, vector: Vector) -> None:
    scheme = scheme_for(provider)
    assert scheme is not None
    other = f"{vector.body} " if vector.other_body is None else vector.other_body

    assert _verified(provider, vector, vector.body)
    assert _verified(provider, vector, other) is not scheme.signs_body
    assert vector.how in ("published", "signed", "accepted")
    assert vector.source


@pytest.mark.parametrize(("provider", "vector"), ALL)
def test_another_secret_is_refused(provider: str, vector: Vector) -> None:
    another = OTHER_SETTINGS[provider] if provider in OTHER_SETTINGS else secrets_of(provider)[1]
    another = "whsec_" + "QUJD" * 8 if another == WHSEC else another

    assert not _verified(provider, vector, vector.body, another)


@pytest.mark.parametrize("vector", vectors()["github"])
def test_github_vectors_are_signed_alike(vector: Vector) -> None:
    ours = sign("github", vector.body, vector.secret)

    assert ours["x-hub-signature-256"] == vector.headers["X-Hub-Signature-256"]


def test_the_window_of_slacks_vector_ends_after_five_minutes() -> None:
    (vector,) = vectors()["slack"]
    headers, secret = vector.headers, vector.secret

    assert verify("slack", vector.body, headers, secret, now=1531420618 + 300)
    assert verify("slack", vector.body, headers, secret, now=1531420618 + 301).reason == "timestamp_drift"


@pytest.mark.parametrize("provider", ["clerk", "openai", "render", "resend", "replicate", "supabase"])
def test_the_vector_of_standard_webhooks_is_accepted_by_all_who_follow_the_specification(
    provider: str,
) -> None:
    (vector,) = vectors()["standardwebhooks"]

    result = verify(provider, vector.body, vector.headers, vector.secret, now=vector.now)

    assert result.valid
    assert result.signed_at == 1614265330


def test_squares_vector_covers_the_url() -> None:
    (vector,) = vectors()["square"]

    assert not verify("square", vector.body, vector.headers, vector.secret, url="https://webhook.site/other")
