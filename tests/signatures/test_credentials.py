"""Tokens, and users with passwords: where they are looked for, and why they fail."""

from __future__ import annotations

import base64
import json
import sys
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scale import scaled

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import KnownSecret, SignatureResult, Verifier, sign, sign_request, verify
from outworx_otel.signatures.registry import built_in_providers
from outworx_otel.signatures.secret import row_for_secret

from .deliveries import BODY, WHSEC

USER, PASSWORD = "nora", "p@ss:wörd"
BASIC = f"{USER}:{PASSWORD}"


def basic(credentials: str, scheme: str = "Basic") -> dict[str, str]:
    """The header that HTTP Basic sends."""
    return {"Authorization": f"{scheme} {base64.b64encode(credentials.encode()).decode()}"}


def failed(
    provider: str, headers: dict[str, str], secret: str | list[str], known: tuple[KnownSecret, ...] = ()
) -> SignatureResult:
    """The verdict on a delivery that must not pass; its hint shows no part of a secret."""
    result = Verifier(provider, secret, known_secrets=lambda: known).verify(BODY, headers)
    assert not result.valid
    assert result.kind is None
    secrets = [secret] if isinstance(secret, str) else secret
    parts = {part for one in secrets for part in (one, *one.split(":"), one.split(" ")[-1]) if len(part) > 3}
    assert not any(part.strip() in (result.hint or "") for part in parts if not part.startswith("X-"))
    return result


@pytest.mark.parametrize("provider", ["postmark", "chargebee", "okta", "basic", "azure_devops"])
@pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC"])
def test_a_user_and_a_password_authenticate_the_sender(provider: str, scheme: str) -> None:
    result = verify(provider, BODY, basic(BASIC, scheme), BASIC)

    assert (result.valid, result.kind, result.key_index) == (True, "authenticated", 0)
    assert verify(provider, b"another body", basic(BASIC), BASIC).kind == "authenticated"


@pytest.mark.parametrize("provider", ["token", "okta", "postmark"])
@pytest.mark.parametrize("header", ["X-Hook-Token", "Authorization", "my.header"])
def test_a_header_that_the_user_named_is_the_one_that_counts(provider: str, header: str) -> None:
    secret = f"{header}: Bearer abc:def"

    assert verify(provider, BODY, {header.upper(): "Bearer abc:def"}, secret).kind == "authenticated"
    assert verify(provider, BODY, {header: "Bearer abc:deg"}, secret).reason == "credentials_mismatch"
    assert verify(provider, BODY, {"x-other": "Bearer abc:def"}, secret).reason == "missing_header"
    assert sign(provider, BODY, secret) == {header.lower(): "Bearer abc:def"}


@pytest.mark.parametrize(
    ("provider", "secret"),
    [
        ("postmark", "nora:"),
        ("postmark", ":password"),
        ("postmark", "nora"),
        ("postmark", " : "),
        ("postmark", "X-Hook-Token: "),
        ("chargebee", "X-Hook-Token: "),
        ("token", "X-Hook-Token:"),
        ("token", ": value"),
        ("token", "value"),
        ("okta", "Authorization:  "),
    ],
)
def test_an_empty_part_is_an_error_at_start(provider: str, secret: str) -> None:
    with pytest.raises(ConfigurationError, match="neither part empty"):
        Verifier(provider, secret)


def test_secrets_in_several_headers_stand_side_by_side_while_one_is_rotated() -> None:
    verifier = Verifier("brevo", ["Authorization: Bearer new", BASIC, "X-Old: old"])

    found = [
        verifier.verify(BODY, headers).key_index
        for headers in ({"authorization": "Bearer new"}, basic(BASIC), {"x-old": "old"})
    ]

    assert found == [0, 1, 2]


def graph(*states: object) -> bytes:
    """What Microsoft Graph sends for subscriptions with these states."""
    return json.dumps(
        {"value": [{"id": f"n_{n}", "clientState": one} for n, one in enumerate(states)]}
    ).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (graph("one"), None),
        (graph("one", "one"), None),
        (graph("one", "two"), None),
        (graph("one", "three"), "credentials_mismatch"),
        (graph("three", "one"), "credentials_mismatch"),
        (graph("one", None), "missing_header"),
        (graph("one", ""), "missing_header"),
        (graph(), "missing_header"),
        (b'{"value":[1]}', "missing_header"),
        (b'{"value":{"clientState":"one"}}', "missing_header"),
        (b'{"clientState":"one"}', "missing_header"),
        (b"[]", "missing_header"),
        (b"one", "malformed_header"),
        (b"", "malformed_header"),
        (graph(*["one"] * 10_001), "malformed_header"),
    ],
)
def test_the_token_of_every_item_has_to_be_right(body: bytes, reason: str | None) -> None:
    result = verify("microsoft_graph", body, {}, ["one", "two"])

    assert result.reason == reason
    assert result.kind == (None if reason else "authenticated")


@settings(max_examples=scaled(60, 25), deadline=None)
@given(
    states=st.lists(st.sampled_from(["one", "two", "three", "One", "one ", "", None, 1, ["one"]]), max_size=6)
)
def test_whatever_the_items_only_those_with_known_tokens_pass_together(states: list[object]) -> None:
    result = verify("microsoft_graph", graph(*states), {}, ["one", "two"])

    assert result.valid is (bool(states) and all(one in ("one", "two") for one in states))


@settings(max_examples=scaled(100, 40), deadline=None)
@given(
    sent=st.text(max_size=12), user=st.text(min_size=1, max_size=5), password=st.text(min_size=1, max_size=5)
)
def test_basic_takes_the_very_credentials_and_nothing_else(sent: str, user: str, password: str) -> None:
    secret = f"{user}:{password}"
    name, _, rest = secret.partition(":")
    try:
        verifier = Verifier("chargebee", secret)
    except ConfigurationError:
        assert not name.strip() or not rest.strip()
        return
    for given_credentials in (sent, secret, secret + sent, secret.swapcase()):
        result = verifier.verify(BODY, basic(given_credentials))
        assert result.valid is (given_credentials == secret)


def test_items_with_tokens_of_their_own_count_for_the_last_that_was_needed() -> None:
    verifier = Verifier("microsoft_graph", ["new", "old", "older"])

    assert verifier.verify(graph("new", "old"), {}).key_index == 1
    assert verifier.verify(graph("new"), {}).key_index == 0


def test_signing_writes_the_token_into_every_item() -> None:
    signed = sign_request("microsoft_graph", graph("", ""), "one")

    assert verify("microsoft_graph", signed.body, signed.headers, "one")
    with pytest.raises(ConfigurationError, match="no place for the token"):
        sign_request("microsoft_graph", b"{}", "one")


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        # No proof of who sent it, for anyone can guess a name.
        ("nora:another", "The user is that of secret 0, the password is not"),
        (f"another:{PASSWORD}", "Proved: the password is that of secret 0, the user is not"),
        ("another:another", "The user and the password are not the configured ones"),
    ],
)
def test_of_user_and_password_the_wrong_one_is_named(sent: str, says: str) -> None:
    result = failed("postmark", basic(sent), BASIC)

    assert result.reason == "credentials_mismatch"
    assert (result.hint or "").startswith(says)


@pytest.mark.parametrize(
    ("provider", "headers", "secret", "says"),
    [
        ("postmark", basic("nora:p%40ss%3Aw%C3%B6rd"), BASIC, "once it is escaped"),
        ("postmark", basic(BASIC), "nora:p%40ss%3Aw%C3%B6rd", "once it is unescaped"),
        ("postmark", basic(BASIC), f"{USER} : {PASSWORD}\n", "white space round its colon"),
        ("postmark", basic(BASIC), f'"{BASIC}"', "quotes"),
        (
            "brevo",
            {"authorization": "Bearer abcdef"},
            "Authorization: abcdef",
            "holds Bearer before the token",
        ),
        ("brevo", {"authorization": "abcdef"}, "Authorization: Bearer abcdef", "without the Bearer"),
        ("telegram", {"x-telegram-bot-api-secret-token": "abcdef"}, "abcdef\n", "white space"),
        # Google's gateway puts its own token into Authorization, and what was there into the other.
        (
            "postmark",
            {"authorization": "Bearer ey.e.y", "x-forwarded-authorization": basic(BASIC)["Authorization"]},
            BASIC,
            "came in the header X-Forwarded-Authorization",
        ),
        ("telegram", {"x-secret": "abcdef"}, "abcdef", "came in the header X-Secret"),
        ("token", {"x-hook-tokn": "abcdef"}, "X-Hook-Token: abcdef", "came in the header X-Hook-Tokn"),
        ("gitlab", {"x-gitlab-token": WHSEC, "x-gitlab-event": "Push Hook"}, WHSEC, "as the secret token"),
    ],
)
def test_a_cause_is_proved(provider: str, headers: dict[str, str], secret: str, says: str) -> None:
    hint = failed(provider, headers, secret).hint or ""

    assert hint.startswith("Proved:")
    assert says in hint


def test_another_endpoints_credentials_are_recognised() -> None:
    known = (KnownSecret("/webhooks/other", "postmark", "other:secret"),)

    assert "/webhooks/other" in (failed("postmark", basic("other:secret"), BASIC, known).hint or "")


@pytest.mark.parametrize(
    ("provider", "headers", "secret", "says"),
    [
        ("postmark", {}, BASIC, "Either no credentials are set at Postmark"),
        ("google_push", {"x-goog-channel-id": "c"}, "abcdef", "carries X-Goog-Channel-Id, as Google"),
        ("token", {}, "X_Token: abcdef", "underscores_in_headers"),
        ("postmark", {"authorization": "Bearer other"}, BASIC, "It holds Bearer credentials"),
        ("gitlab", {"x-gitlab-token": "another"}, WHSEC, "was given a secret token"),
        ("gitlab", {"webhook-signature": "v1,AAAA"}, "an-old-token", "was given a signing token"),
    ],
)
def test_what_is_only_seen_is_not_called_proved(
    provider: str, headers: dict[str, str], secret: str, says: str
) -> None:
    hint = failed(provider, headers, secret).hint or ""

    assert says in hint
    assert "Proved" not in hint


def test_mod_wsgi_is_named_where_this_process_runs_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "mod_wsgi" not in (failed("postmark", {}, BASIC).hint or "")
    monkeypatch.setitem(sys.modules, "mod_wsgi", SimpleNamespace(process_group="", version=(5, 0, 2)))

    assert "WSGIPassAuthorization" in (failed("postmark", {}, BASIC).hint or "")
    assert "mod_wsgi" not in (failed("telegram", {}, "abcdef").hint or "")


def test_every_row_whose_secret_is_sent_along_is_authenticated_at_most() -> None:
    rows = [one.scheme for one in built_in_providers() if one.scheme.algorithm == "token"]
    names = {row.provider for row in rows}

    assert {"telegram", "postmark", "chargebee", "gitlab", "microsoft_graph", "basic", "token"} <= names
    for row in rows:
        assert row.kind == "authenticated"
        if row.own_header:
            assert row_for_secret(row, "X-Own: value").kind == "authenticated"
