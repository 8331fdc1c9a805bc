"""Which handshakes an endpoint answers, by what it was told."""

from __future__ import annotations

import logging

import pytest

from outworx_otel import ConfigurationError, SignatureScheme, TrackOptions, register_provider
from outworx_otel.setup.endpoints import Endpoint, with_standing_verification
from outworx_otel.signatures.handshakes import handshakes_of
from outworx_otel.signatures.registry import unregister_provider


def endpoint(*given: object, **options: object) -> Endpoint:
    return Endpoint(TrackOptions(*given, **options), "code")  # type: ignore[arg-type]


def anything(_body: bytes, _headers: object) -> bool:
    """A verifier that takes whatever comes."""
    return True


def _shown(value: object) -> str:
    return getattr(value, "__name__", str(value))


@pytest.mark.parametrize(
    ("options", "methods"),
    [
        ({"provider": "stripe", "signature_secret": "s"}, set()),
        ({"provider": "dropbox"}, set()),
        ({"provider": "dropbox", "signature_secret": "s"}, {"GET"}),
        ({"provider": "dropbox", "signature_secret": "s", "handshake": False}, set()),
        ({"provider": "dropbox", "handshake": True}, {"GET"}),
        ({"provider": "dropbox", "signature_secret_env": "UNSET"}, set()),
        ({"provider": "dropbox", "signature_secret_env": "UNSET", "handshake": True}, {"GET"}),
        ({"provider": "meta", "signature_secret": "s"}, set()),
        ({"provider": "meta", "verify_token": "t"}, {"GET"}),
        ({"provider": "meta", "verify_token_env": "UNSET"}, {"GET"}),
        ({"provider": "slack"}, set()),
        ({"provider": "slack", "signature_secret": "s"}, {"POST"}),
        ({"provider": "slack", "signature_secret_env": "UNSET", "handshake": True}, {"POST"}),
        ({"provider": "slack", "signature_verifier": anything}, {"POST"}),
        ({"provider": "x", "signature_secret": "s"}, {"GET"}),
        ({"provider": "x", "signature_verifier": anything}, set()),
        ({"provider": "braintree", "signature_secret": "s"}, set()),
        ({"provider": "braintree", "verify_token": "public"}, set()),
        ({"provider": "braintree", "signature_secret": "s", "verify_token": "public"}, {"GET"}),
        ({"provider": "asana", "signature_secret": "s"}, set()),
        ({"provider": "asana", "handshake": True}, {"POST"}),
        ({"provider": "event_grid", "signature_secret": "s"}, {"POST"}),
        ({"provider": "event_grid", "handshake": True}, {"POST", "OPTIONS"}),
        ({"provider": "acme", "handshake": "cloudevents"}, {"OPTIONS"}),
        ({"provider": "acme", "handshake": "websub", "verify_token": "https://example.com/feed"}, {"GET"}),
    ],
    ids=lambda value: " ".join(map(_shown, value.values()))[:60] if isinstance(value, dict) else "",
)
def test_an_endpoint_answers_what_it_asks_for_or_has_the_secret_of(
    options: dict[str, object], methods: set[str]
) -> None:
    assert endpoint(**options).greets == methods


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"provider": "acme", "handshake": True}, "handshake: that of 'acme' is not known"),
        ({"provider": "acme", "handshake": "web_sub"}, "did you mean 'websub'"),
        ({"provider": "meta", "handshake": True}, "needs verify_token or verify_token_env"),
        ({"provider": "slack", "handshake": True}, "needs the signing secret"),
        ({"provider": "stripe", "verify_token": "t"}, "no known handshake of 'stripe' has a use for it"),
    ],
)
def test_what_cannot_be_is_an_error_that_says_what_to_do(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        endpoint(**options)


def test_an_unset_variable_is_one_line_that_names_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    made = endpoint("meta", verify_token_env="UNSET_TOKEN")  # noqa: S106
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert "UNSET_TOKEN" in caplog.text
    assert not made.verifies


def test_an_adapter_for_every_path_answers_posts_alone() -> None:
    everywhere = Endpoint(TrackOptions("event_grid", handshake=True), "code", everywhere=True)
    assert everywhere.greets == {"POST"}
    assert not everywhere.may_listen_to("OPTIONS")


def test_a_glance_tells_deliveries_from_what_may_be_a_handshake() -> None:
    from outworx_otel.http.headers import Headers

    known = endpoint("slack", signature_secret="s").handshakes  # noqa: S106
    none = Headers([])
    assert known.likely("POST", none, b'{"type": "event_callback"}', verified=True) == ()
    asked = b'{"type": "url_verification", "challenge": "x"}'
    assert known.likely("POST", none, asked, verified=True) == handshakes_of("slack")
    assert known.likely("POST", none, asked) == ()
    assert known.likely("GET", none, asked, verified=True) == ()


def test_what_stands_in_a_file_stays_where_code_names_no_secret() -> None:
    file = endpoint("meta", signature_secret="s", verify_token="t")  # noqa: S106
    kept, _ = with_standing_verification("/hook", endpoint("meta"), file)
    assert kept.handshakes.tokens == ("t",)
    other, _ = with_standing_verification("/hook", endpoint("meta", verify_token="mine"), file)  # noqa: S106
    assert other.handshakes.tokens == ("mine",)


def test_a_row_of_ones_own_changes_how_a_provider_signs_and_not_what_it_asks() -> None:
    register_provider(SignatureScheme(provider="slack", signature_header="x-proxy-signature"))
    try:
        assert endpoint("slack", signature_secret="s").greets == {"POST"}  # noqa: S106
    finally:
        unregister_provider("slack")
