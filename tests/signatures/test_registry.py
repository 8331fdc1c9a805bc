"""The table of providers, detection, and rows of the user's own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from outworx_otel.errors import ConfigurationError
from outworx_otel.http.headers import Headers
from outworx_otel.signatures import (
    DETECTION_HEADERS,
    SignatureScheme,
    detect,
    providers,
    register_provider,
    registry,
    scheme_for,
    sign,
    unregister_provider,
    verify,
)
from outworx_otel.signatures.provider import WebhookProvider
from outworx_otel.signatures.providers import load
from outworx_otel.signatures.registry import built_in_providers

from .deliveries import BODY


def _tables() -> tuple[object, ...]:
    return providers(), dict(registry._ALIASES), dict(DETECTION_HEADERS)


@pytest.mark.parametrize(
    "name", ["Stripe", "STRIPE", "coinbase-commerce", "Standard Webhooks", "standard_webhooks"]
)
def test_names_are_found_however_they_are_written(name: str) -> None:
    assert scheme_for(name) is not None


@pytest.mark.parametrize("name", ["acme", "", None, 7])
def test_unknown_names_have_no_row(name: str) -> None:
    assert scheme_for(name) is None


def test_every_row_names_its_source_and_verifies_what_it_says() -> None:
    rows = providers()

    assert len(rows) >= 38
    for row in rows:
        assert row.source.startswith("https://"), row.provider
        assert row.title, row.provider
        for path in (row.event_id, row.event_type):
            assert path == "" or path.startswith(("body.", "header.")), row.provider


@pytest.mark.parametrize(
    ("header", "provider"),
    [
        ("stripe-signature", "stripe"),
        ("x-github-event", "github"),
        ("x-shopify-topic", "shopify"),
        ("svix-id", "svix"),
        ("x-slack-signature", "slack"),
        ("webhook-id", "standardwebhooks"),
    ],
)
def test_an_unmistakable_header_is_detected_in_pairs_of_bytes_and_in_mappings(
    header: str, provider: str
) -> None:
    pairs = [(b"host", b"example.com"), (header.encode(), b"x")]

    assert detect(pairs) == provider
    assert detect(Headers(pairs)) == provider
    assert detect({"host": "example.com", header: "x"}) == provider


def test_a_providers_own_header_goes_before_the_shared_ones() -> None:
    pairs = [(b"webhook-id", b"x"), (b"x-gitlab-event", b"Push Hook")]

    assert detect(pairs) == "gitlab"


def test_headers_that_several_send_detect_nobody() -> None:
    assert detect([(b"x-hub-signature-256", b"x"), (b"content-type", b"application/json")]) is None
    assert detect([]) is None


def test_a_user_can_add_a_row_and_use_it_at_once() -> None:
    assert verify("acme", BODY, {}, "secret").reason == "unsupported_provider"

    register_provider(
        SignatureScheme(
            provider="acme",
            signature_header="X-Acme-Signature",
            prefix="sha512=",
            algorithm="hmac-sha512",
            timestamp_header="X-Acme-Time",
            message="{timestamp}|{body}|v2",
            tolerance=60,
            detection_headers=("X-Acme-Signature",),
        )
    )
    headers = sign("acme", BODY, "secret")

    assert verify("ACME", BODY, headers, "secret")
    assert not verify("acme", BODY + b" ", headers, "secret")
    assert detect([(b"x-acme-signature", b"")]) == "acme"


def test_a_users_row_may_sign_with_rsa() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    register_provider(
        SignatureScheme(
            provider="acme",
            signature_header="x-acme",
            algorithm="rsa-sha256",
            encoding="base64",
            key="public",
        )
    )

    headers = sign("acme", BODY, pem)

    assert verify("acme", BODY, headers, public.decode())
    assert verify("acme", BODY + b" ", headers, public.decode()).reason == "hmac_mismatch"


def test_a_replaced_row_replaces_what_was_made_from_the_old_one() -> None:
    register_provider(SignatureScheme(provider="acme", signature_header="x-acme"))
    headers = sign("acme", BODY, "secret")
    assert verify("acme", BODY, headers, "secret")

    register_provider(SignatureScheme(provider="acme", signature_header="x-acme", prefix="v2="))

    assert not verify("acme", BODY, headers, "secret")


def test_a_detection_header_of_another_provider_is_refused() -> None:
    row = SignatureScheme(provider="acme", signature_header="x", detection_headers=("stripe-signature",))

    with pytest.raises(ConfigurationError, match="stripe"):
        register_provider(row)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"provider": "Acme"}, "provider"),
        ({"signature_header": ""}, "signature_header"),
        ({"encoding": "base32"}, "encoding"),
        ({"algorithm": "md5"}, "algorithm"),
        ({"layout": "xml"}, "layout"),
        ({"message": "{timestamp}.{body}"}, "timestamp"),
        ({"message": "{id}.{body}"}, "id_header"),
        ({"message": "{body}{secret}"}, "message"),
        ({"message": "{body"}, "message"),
        ({"tolerance": -1}, "tolerance"),
        ({"signature_header": (1,)}, "signature_header"),
        ({"own_header": True}, "own_header"),
    ],
)
def test_a_row_that_cannot_work_is_refused_with_the_name_of_the_field(
    wrong: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=named):
        SignatureScheme(**{"provider": "acme", "signature_header": "x-acme", **wrong})


def _row(provider: str, *detected_by: str) -> SignatureScheme:
    return SignatureScheme(provider=provider, signature_header="x-acme", detection_headers=detected_by)


@pytest.mark.parametrize(
    "rows",
    [
        [_row("acme", "x-acme")],
        [_row("stripe", "x-my-stripe")],
        [_row("stripe")],
        # Another writing of a built-in name takes its alias.
        [_row("coinbasecommerce", "x-cc")],
        [_row("acme", "x-acme"), _row("acme", "x-acme-2")],
        [_row("acme", "x-acme"), _row("github", "x-gh"), _row("acme-two")],
    ],
    ids=lambda rows: " ".join(row.provider for row in rows),
)
def test_unregistering_puts_rows_names_and_detection_back(rows: list[SignatureScheme]) -> None:
    before = _tables()
    for row in rows:
        register_provider(row)
    assert _tables() != before

    for row in rows:
        unregister_provider(row.provider)

    assert _tables() == before
    assert DETECTION_HEADERS["stripe-signature"] == DETECTION_HEADERS[b"stripe-signature"] == "stripe"


def test_what_was_made_from_an_unregistered_row_is_dropped() -> None:
    good = sign("github", BODY, "secret")
    register_provider(_row("github"))
    register_provider(_row("acme"))
    assert not verify("github", BODY, good, "secret")
    assert verify("acme", BODY, sign("acme", BODY, "secret"), "secret")

    unregister_provider("GitHub")
    unregister_provider("acme")

    assert verify("github", BODY, good, "secret")
    assert verify("acme", BODY, {}, "secret").reason == "unsupported_provider"


@pytest.mark.parametrize("name", ["stripe", "nobody", "", None])
def test_unregistering_what_was_not_registered_changes_nothing(name: str) -> None:
    before = _tables()
    told: list[None] = []
    registry.on_change(lambda: told.append(None))

    unregister_provider(name)

    assert _tables() == before
    assert told == []


def test_the_tables_that_others_hold_stay_the_same_objects() -> None:
    names = DETECTION_HEADERS.keys()

    register_provider(_row("acme", "x-acme-event"))
    assert b"x-acme-event" in names
    unregister_provider("acme")

    assert names is not None
    assert b"x-acme-event" not in names
    assert DETECTION_HEADERS is registry.DETECTION_HEADERS


def test_a_replaced_row_gives_up_the_headers_of_the_old_one() -> None:
    register_provider(_row("acme", "x-acme-event"))
    register_provider(_row("acme", "x-acme-kind"))

    assert detect({"x-acme-event": ""}) is None
    assert detect({"x-acme-kind": ""}) == "acme"


def test_built_in_rows_are_known_whatever_was_registered() -> None:
    register_provider(_row("stripe"))
    register_provider(_row("acme"))

    built_in = {one.scheme.provider: one.scheme for one in built_in_providers()}

    assert built_in["stripe"].detection_headers == ("stripe-signature",)
    assert "acme" not in built_in


def test_a_provider_is_looked_up_and_detected_without_reading_the_others() -> None:
    program = (
        "import sys, outworx_otel.signatures as s\n"
        "from outworx_otel.signatures.registry import provider_names\n"
        "assert s.detect({'x-shopify-topic': ''}) == 'shopify' and 'zoom' in provider_names()\n"
        "s.scheme_for('Standard-Webhooks'), s.scheme_for('nobody')\n"
        "prefix = 'outworx_otel.signatures.providers.'\n"
        "print([name.removeprefix(prefix) for name in sorted(sys.modules) if name.startswith(prefix)])\n"
    )

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)  # noqa: S603 - ours

    assert done.stdout.strip() == "['_index', 'standardwebhooks']"


@pytest.mark.parametrize("provider", built_in_providers(), ids=lambda one: one.scheme.provider)
def test_a_providers_file_says_what_it_has_to(provider: WebhookProvider) -> None:
    row = provider.scheme

    assert load(row.provider) is provider
    assert row.source.startswith("https://")
    assert (provider.source_kind == "code") == row.source.startswith(
        ("https://github.com/", "https://gitlab.com/", "https://pypi.org/", "https://www.npmjs.com/")
    )
    if provider.gives_up is not None:
        assert provider.gives_up.after >= 0
        assert provider.gives_up.source.startswith("https://")


def test_no_two_providers_are_given_away_by_one_header() -> None:
    headers = [name for provider in built_in_providers() for name in provider.scheme.detection_headers]

    assert len(headers) == len(set(headers))
