"""A flood of wrong signatures stays cheap."""

from __future__ import annotations

import json

import pytest

from outworx_otel.signatures import KnownSecret, Verifier, sign
from outworx_otel.signatures.diagnosis import investigation
from outworx_otel.signatures.diagnosis.budget import (
    DIAGNOSES_PER_SECOND,
    HASHED_BYTES,
    SECONDS,
    TRIALS,
    Budget,
    BudgetSpent,
    RateLimit,
)

from .deliveries import BODY

SMALL = json.dumps(json.loads(BODY), indent=2).encode()


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_five_diagnoses_a_second_then_the_hint_says_it_was_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(investigation, "rate_limit", RateLimit(DIAGNOSES_PER_SECOND, clock))
    headers = sign("github", BODY, "secret")

    def reason() -> str | None:
        # A verifier of its own, for one that has proved a cause does not count.
        return Verifier("github", "secret").verify(SMALL, headers).reason

    reasons = [reason() for _ in range(7)]
    skipped = Verifier("github", "secret").verify(SMALL, headers).hint or ""
    clock.now += 1.0

    assert reasons == ["parsed_body"] * 5 + ["hmac_mismatch"] * 2
    assert "limited to 5 a second" in skipped
    assert reason() == "parsed_body"


def test_valid_deliveries_and_plain_header_failures_do_not_use_up_the_limit() -> None:
    verifier = Verifier("github", "secret")
    headers = sign("github", BODY, "secret")

    for _ in range(50):
        assert verifier.verify(BODY, headers)
        assert verifier.verify(BODY, {}).reason == "missing_header"

    assert verifier.verify(SMALL, headers).reason == "parsed_body"


def test_diagnosis_can_be_switched_off_for_one_call() -> None:
    result = Verifier("github", "secret").verify(SMALL, sign("github", BODY, "secret"), diagnose=False)

    assert result.reason == "hmac_mismatch"


@pytest.mark.parametrize("spent", ["trials", "bytes", "time"])
def test_a_budget_ends_by_trials_by_bytes_and_by_time(spent: str) -> None:
    clock = Clock()
    budget = Budget(RateLimit(1), clock=clock)
    if spent == "time":
        budget.spend(0)
        clock.now += SECONDS

    def spend_all() -> None:
        for _ in range(10_000):
            budget.spend(HASHED_BYTES // 100 if spent == "bytes" else 0)

    with pytest.raises(BudgetSpent, match="budget"):
        spend_all()


DENSE = json.dumps([[index % 7, {"é": index}] for index in range(3300)]).encode()
SLOW_BODIES = {
    "dense JSON of 60 KiB": DENSE,
    "deep JSON": b"[" * 900 + b"]" * 900,
    "a form of 60 KiB": b"&".join([b"field%d=a+b%%2F" % index for index in range(990)]),
    "1 MB": b"x" * 1_000_000,
    "10 MB": b"\xc3\xa9" * 5_000_000,
}


@pytest.fixture
def paid(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The bytes of each trial that a diagnosis paid for, while no time passes between two diagnoses."""
    trials: list[int] = []
    spend = Budget.spend

    def spend_and_tell(budget: Budget, hashed: int) -> None:
        spend(budget, hashed)
        trials.append(hashed)

    monkeypatch.setattr(Budget, "spend", spend_and_tell)
    monkeypatch.setattr(investigation, "rate_limit", RateLimit(DIAGNOSES_PER_SECOND, Clock()))
    return trials


@pytest.mark.parametrize("name", SLOW_BODIES)
def test_one_diagnosis_pays_for_every_trial_and_ends_with_its_budget(name: str, paid: list[int]) -> None:
    body = SLOW_BODIES[name]
    known = [KnownSecret(f"/{index}", "stripe", f"whsec_{index}") for index in range(1000)]
    verifier = Verifier("stripe", "whsec_mine", known_secrets=lambda: known)
    headers = {**sign("stripe", body, "whsec_theirs"), "content-encoding": "gzip"}

    assert verifier.verify(body, headers).reason == "hmac_mismatch"

    assert sum(paid) <= HASHED_BYTES
    assert len(paid) <= TRIALS


def test_a_flood_of_wrong_signatures_over_1_mb_hashes_at_most_twice_as_much_as_right_ones(
    paid: list[int],
) -> None:
    body = b'{"data":"' + b"x" * 1_000_000 + b'"}'
    headers = sign("stripe", body, "whsec_theirs")
    deliveries = 60

    for _ in range(deliveries):
        assert not Verifier("stripe", "whsec_mine").verify(body, headers)

    assert 0 < sum(paid) <= deliveries * len(body)
