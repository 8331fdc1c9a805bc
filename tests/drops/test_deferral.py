"""Tokens that deferred work takes into another process."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from outworx_otel.delivery.tokens import MAX_TOKEN, TokenError, decode_token, encode_token
from outworx_otel.errors import ConfigurationError, OutworxError
from outworx_otel.telemetry import Deferral

SECRET = "ohk_a_key_of_ours"  # noqa: S105  # made up
NOW = 1_800_000_000.0


def deferral(**changed: Any) -> Deferral:
    fields: dict[str, Any] = {
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
        "span_id": "b7ad6b7169203331",
        "provider": "stripe",
        "route": "/webhooks/{tenant}",
        "event_id": "evt_1",
        "deferred_at": NOW,
        "deadline": NOW + 300,
    }
    return Deferral(**{**fields, **changed})


def problem_of(token: Any, secrets: Any = SECRET, now: float = NOW) -> str:
    with pytest.raises(TokenError) as caught:
        decode_token(token, secrets, now=now)
    assert isinstance(caught.value, OutworxError)
    assert SECRET not in str(caught.value)
    return caught.value.problem


def test_what_goes_in_comes_out() -> None:
    assert decode_token(encode_token(deferral(), SECRET), SECRET, now=NOW) == deferral()
    bare = deferral(trace_id="", span_id="", route=None, event_id=None)
    assert decode_token(encode_token(bare, b"\xff\x00"), b"\xff\x00", now=NOW) == bare


def test_it_survives_queues_that_carry_bytes_json_or_urls() -> None:
    token = encode_token(deferral(event_id="évènement ✓"), SECRET)
    assert token.isascii()
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")
    assert decode_token(token.encode(), SECRET, now=NOW).event_id == "évènement ✓"


def test_another_process_resumes_it() -> None:
    now = time.time()
    token = encode_token(deferral(deferred_at=now, deadline=now + 60), SECRET)
    source = (
        "import os; from outworx_otel.delivery.tokens import decode_token; "
        "print(decode_token(os.environ['TOKEN'], os.environ['SECRET']).event_id)"
    )
    run = subprocess.run(  # noqa: S603  # our own tests, our own Python
        [sys.executable, "-c", source],
        env={**os.environ, "TOKEN": token, "SECRET": SECRET},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert run.stdout.strip() == "evt_1"


def test_every_changed_character_is_noticed() -> None:
    token = encode_token(deferral(), SECRET)
    for position, character in enumerate(token):
        changed = token[:position] + ("A" if character != "A" else "B") + token[position + 1 :]
        assert problem_of(changed) in ("malformed", "unsupported_version", "bad_signature"), position


def test_a_signature_has_one_spelling() -> None:
    # The last of 43 base64 digits has two bits to spare.
    token = encode_token(deferral(), SECRET)
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    neighbour = digits[digits.index(token[-1]) ^ 1]
    assert problem_of(token[:-1] + neighbour) == "bad_signature"


def test_a_payload_signed_by_nobody_is_refused() -> None:
    forged = base64.urlsafe_b64encode(json.dumps(["", "", "stripe", None, None, 0, 9e9]).encode()).decode()
    assert problem_of(f"ow1.{forged.rstrip('=')}.{'A' * 43}") == "bad_signature"


def test_a_token_of_another_key_is_refused_and_one_under_rotation_is_not() -> None:
    token = encode_token(deferral(), SECRET)
    assert problem_of(token, "ohk_another") == "bad_signature"
    assert decode_token(token, ["ohk_another", SECRET], now=NOW) == deferral()


def test_it_ends_with_its_deadline() -> None:
    token = encode_token(deferral(), SECRET)
    assert decode_token(token, SECRET, now=NOW + 300) == deferral()
    assert problem_of(token, now=NOW + 300.001) == "expired"


def test_one_of_a_newer_release_says_so() -> None:
    assert problem_of("ow2.AAAA.AAAA") == "unsupported_version"


@pytest.mark.parametrize(
    "odd",
    [
        "",
        ".",
        "..",
        "ow1",
        "ow1..",
        "ow1.%%%.%%%",
        "jwt.a.b",
        "ow1.a.é",
        "x" * (MAX_TOKEN + 1),
        b"\xff.\xff.\xff",
        None,
        7,
    ],
)
def test_what_is_no_token_is_an_error_of_ours_and_no_crash(odd: object) -> None:
    assert problem_of(odd) in ("malformed", "bad_signature")


def test_a_well_signed_payload_of_another_shape_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    from outworx_otel.delivery import tokens as module

    for payload in (b"[]", b"{}", b"[1, 2, 3, 4, 5, 6, 7]", b"\xff", b"[" * 500):
        text = module._to_text(payload)
        token = f"ow1.{text}.{module._signature(text, SECRET)}"
        assert problem_of(token) == "malformed", payload


def test_its_size_is_bounded_whatever_it_carries() -> None:
    long = deferral(provider="p" * 10_000, route="/" + "é" * 10_000, event_id="✓" * 10_000)
    token = encode_token(long, SECRET)
    assert len(token) <= MAX_TOKEN
    assert decode_token(token, SECRET, now=NOW).event_id == "✓" * 256


@pytest.mark.parametrize("empty", ["", "  ", b""])
def test_an_empty_secret_is_a_mistake_of_configuration(empty: str | bytes) -> None:
    with pytest.raises(ConfigurationError):
        encode_token(deferral(), empty)
    with pytest.raises(ConfigurationError):
        decode_token(encode_token(deferral(), SECRET), empty)
    with pytest.raises(ConfigurationError):
        decode_token(encode_token(deferral(), SECRET), [])
