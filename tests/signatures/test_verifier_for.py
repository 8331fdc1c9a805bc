"""Verifiers for secrets that are known only at run time: cheap to ask for, and bounded."""

from __future__ import annotations

import gc

import pytest

from outworx_otel.errors import ConfigurationError
from outworx_otel.signatures import KnownSecret, Verifier, forget_verifiers, sign, verifier_for, verify
from outworx_otel.signatures.verification import _CACHED_VERIFIERS

from .deliveries import BODY


def _known() -> list[KnownSecret]:
    return [KnownSecret("/b", "github", "theirs")]


def test_each_secret_has_a_verifier_that_is_made_once() -> None:
    one = verifier_for("github", "tenant-1", None, _known)

    assert verifier_for("github", "tenant-1", None, _known) is one
    assert verifier_for("github", "tenant-2", None, _known) is not one
    assert verifier_for("stripe", "tenant-1", None, _known) is not one
    assert verifier_for("github", "tenant-1", 60, _known) is not one
    assert one.verify(BODY, sign("github", BODY, "tenant-1"))
    assert not one.verify(BODY, sign("github", BODY, "tenant-2"))


def test_several_secrets_may_be_given_in_any_sequence() -> None:
    one = verifier_for("github", ["new", "old"])

    assert verifier_for("github", ("new", "old")) is one
    assert one.verify(BODY, sign("github", BODY, "old")).key_index == 1


def test_a_mix_up_is_proved_with_the_known_secrets_that_were_given() -> None:
    result = verifier_for("github", "mine", None, _known).verify(BODY, sign("github", BODY, "theirs"))

    assert "/b (github)" in (result.hint or "")


def test_verify_and_verifier_for_share_what_they_keep() -> None:
    verifier = verifier_for("github", "secret")

    assert verify("github", BODY + b" ", sign("github", BODY, "secret"), "secret").reason == "hmac_mismatch"
    assert verifier._diagnosis is not None


def test_a_secret_is_kept_no_longer_than_there_is_room() -> None:
    others = {id(one) for one in gc.get_objects() if type(one) is Verifier}
    first = verifier_for("github", "the first tenant")
    for number in range(_CACHED_VERIFIERS - 1):
        verifier_for("github", f"tenant {number}")
    assert verifier_for("github", "the first tenant") is first

    for number in range(_CACHED_VERIFIERS):
        verifier_for("github", f"another tenant {number}")

    assert verifier_for("github", "the first tenant") is not first
    kept = [one for one in gc.get_objects() if type(one) is Verifier and id(one) not in others]
    assert len(kept) <= _CACHED_VERIFIERS + 1


def test_a_secret_is_gone_once_all_are_forgotten() -> None:
    first = verifier_for("github", "a secret")

    forget_verifiers()

    assert verifier_for("github", "a secret") is not first


@pytest.mark.parametrize("secret", [None, "", [], ["good", ""], 7, [None], [["nested"]], {"a": 1}, b" "])
def test_what_is_no_secret_is_a_configuration_error(secret: object) -> None:
    with pytest.raises(ConfigurationError):
        verifier_for("github", secret)  # type: ignore[arg-type]  # what a look-up may give
