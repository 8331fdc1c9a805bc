"""`TrackOptions`: what is wrong is said when it is made, by name."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pytest

from outworx_otel import ConfigurationError, OutworxError, TrackOptions, webhook
from outworx_otel.setup.options import OPTION_NAMES

WRONG: list[tuple[str, Any]] = [
    ("provider", ""),
    ("provider", "  "),
    ("provider", None),
    ("provider", 5),
    ("event_type_header", ""),
    ("event_type_field", 1),
    ("capture_body", "yes"),
    ("capture_headers", 1),
    ("metadata", ["a"]),
    ("signature_secret", ""),
    ("signature_secret", " \n"),
    ("signature_secret", b""),
    ("signature_secret", []),
    ("signature_secret", ["good", ""]),
    ("signature_secret", [None]),
    ("signature_secret", 5),
    ("signature_secret", bytearray(b"x")),
    ("signature_secret_env", ""),
    ("signature_secret_env", []),
    ("signature_secret_env", ["GOOD", 5]),
    ("signature_secret_file", " "),
    ("signature_secret_file", 5),
    ("signature_verifier", "my_module.check"),
    ("signature_valid", "true"),
    ("reject_invalid_signatures", None),
    ("signature_tolerance", -1),
    ("signature_tolerance", True),
    ("signature_tolerance", math.nan),
    ("signature_tolerance", "300"),
    ("idempotency_key", "id"),
    ("idempotency_key", "body."),
    ("idempotency_key", False),
    ("idempotency_key", 7),
    ("idempotency_ttl", 0),
    ("idempotency_ttl", math.nan),
    ("idempotency_ttl", "1d"),
    ("idempotency_scope", ""),
    ("idempotency_on_conflict", "explode"),
    ("idempotency_on_store_error", True),
    ("idempotency_on_mismatch", "ignore"),
    ("require_processing_mark", "on"),
    ("diagnose_silent_drops", 0),
    ("methods", "POST"),
    ("methods", []),
    ("methods", [""]),
    ("paths", "/a"),
    ("paths", [5]),
    ("max_body_size", 0),
    ("max_body_size", -5),
    ("max_body_size", math.inf),
    ("max_body_size", 1.5),
    ("redact", "x-*"),
    ("redact", [None]),
    ("trace_context", "child"),
    ("trace_context", ["link"]),
    ("public_url", "example.org"),
    ("public_url", 5),
    ("handshake", ""),
    ("handshake", 1),
    ("verify_token", ""),
    ("verify_token", []),
    ("verify_token", ["a", " "]),
    ("verify_token", b"a"),
    ("verify_token_env", ""),
    ("verify_token_env", []),
]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=[f"{name}={value!r}"[:40] for name, value in WRONG])
def test_a_wrong_option_names_itself(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"^{name} "):
        TrackOptions(**{"provider": "stripe", name: value})


def test_every_option_is_checked() -> None:
    assert {name for name, _ in WRONG} == set(OPTION_NAMES)


def test_a_verify_token_and_its_variable_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="verify_token and verify_token_env"):
        TrackOptions("meta", verify_token="x", verify_token_env="X")  # noqa: S106


def test_a_verify_token_is_not_shown() -> None:
    assert "hush" not in repr(TrackOptions("meta", verify_token=["hush"]))


def test_a_secret_and_a_verifier_exclude_each_other() -> None:
    with pytest.raises(ConfigurationError, match="signature_secret and signature_verifier"):
        TrackOptions("stripe", signature_secret="x", signature_verifier=lambda body, headers: True)  # noqa: S106


def test_a_wrong_option_is_both_of_our_kind_and_a_value_error() -> None:
    with pytest.raises(OutworxError):
        TrackOptions("")
    with pytest.raises(ValueError, match="provider"):
        TrackOptions("")


@pytest.mark.parametrize(("given", "kept"), [(1, 60), (60.5, 60.5), (10**9, 604_800), (math.inf, 604_800)])
def test_the_time_a_key_is_kept_is_clamped(given: float, kept: float) -> None:
    assert TrackOptions("x", idempotency_ttl=given).idempotency_ttl == kept


def test_methods_are_upper_case_and_a_list_of_secrets_cannot_be_changed_later() -> None:
    secrets = ["a", b"b"]
    options = TrackOptions("x", methods=["post"], signature_secret=secrets)
    secrets.clear()
    assert options.methods == ("POST",)
    assert options.signature_secret == ("a", b"b")
    with pytest.raises(dataclasses.FrozenInstanceError):
        options.provider = "y"  # type: ignore[misc]


@pytest.mark.parametrize("secret", ["whsec_abc", ["whsec_abc", "whsec_def"], b"whsec_abc"])
def test_a_secret_is_never_shown(secret: Any) -> None:
    shown = repr(TrackOptions("x", signature_secret=secret, capture_body=True))
    assert "whsec" not in shown
    assert shown == "TrackOptions(provider='x', capture_body=True, signature_secret=[set])"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"provder": "stripe"}, "unknown option 'provder': did you mean 'provider'"),
        ({"provider": "x", "signatur_secret": "y"}, "did you mean 'signature_secret'"),
        ({"provider": "x", "zzz": 1}, "known are "),
        ({"provider": "x", 5: 1}, "unknown option '5'"),
        ({}, "provider is missing"),
        ({"provider": "x", "capture_body": "yes"}, "capture_body must be True or False"),
        ({"provider": "x", "signature_secret_env": 5}, "signature_secret_env must name"),
        ({"provider": "x", "signature_secret_env": []}, "signature_secret_env must name"),
        ({"provider": "x", "signature_secret_env": "SET", "signature_secret": "y"}, "exclude each other"),
        (
            {"provider": "x", "signature_secret_env": "SET", "signature_secret_file": "y"},
            "exclude each other",
        ),
        ({"provider": "x", "signature_secret_file": 5}, "signature_secret_file must be the path"),
        ("stripe", "must be a mapping"),
        (None, "must be a mapping"),
        ([("provider", "x")], "must be a mapping"),
    ],
)
def test_what_a_mapping_says_wrong_is_said_with_its_place(given: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^here: .*{message}"):
        TrackOptions.from_mapping(given, "here")


def test_secrets_come_from_the_variables_that_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD", "1")
    monkeypatch.setenv("NEW", "2")
    options = TrackOptions.from_mapping({"provider": "x", "signature_secret_env": ["NEW", "OLD"]}, "here")
    assert options.secrets() == ("2", "1")
    assert TrackOptions("x", signature_secret_env="OLD").secrets() == ("1",)  # noqa: S106


def test_a_secret_is_not_in_the_error_about_another_option() -> None:
    with pytest.raises(ConfigurationError) as caught:
        TrackOptions("x", signature_secret="whsec_abc", capture_body="no")  # type: ignore[arg-type]  # noqa: S106
    assert "whsec" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("stripe",), {"signature_secrt": "x"}, "did you mean 'signature_secret'"),
        (("stripe",), {"signature_secret": ""}, "signature_secret is empty"),
        ((TrackOptions("stripe"),), {"capture_bdy": True}, "did you mean 'capture_body'"),
        ((TrackOptions("stripe"),), {"capture_body": 1}, "capture_body"),
        (("svix",), {"signature_secret": "whsec_*"}, "svix"),
    ],
)
def test_the_decorator_says_what_is_wrong(arguments: Any, options: Any, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        webhook(*arguments, **options)


def test_the_decorator_cannot_mark_what_has_no_attributes() -> None:
    with pytest.raises(ConfigurationError, match="cannot be marked"):
        webhook("stripe")(object())
