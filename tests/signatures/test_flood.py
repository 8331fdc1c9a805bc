"""In an incident every delivery gets the proved reason, and forged ones in between cost next to nothing."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from typing import NamedTuple

import pytest

from outworx_otel.signatures import KnownSecret, Verifier, sign
from outworx_otel.signatures.diagnosis import body, investigation, secrets
from outworx_otel.signatures.diagnosis.budget import HASHED_BYTES, WASTED_SECONDS, RateLimit, WastedTime
from outworx_otel.signatures.keys import HmacKey

URL = "https://hooks.example.com/in"


def _event(number: int) -> dict[str, object]:
    return {"id": number, "name": "Zoë", "url": "https://x.example/"}


def _compact(number: int) -> bytes:
    return json.dumps(_event(number), separators=(",", ":"), ensure_ascii=False).encode()


def _indented(number: int) -> bytes:
    return json.dumps(_event(number), indent=2).encode()


class Incident(NamedTuple):
    """A mistake that spoils every delivery of an endpoint in the same way."""

    provider: str
    words: str
    sent: Callable[[int], bytes] = _compact
    received: Callable[[int], bytes] = _compact
    configured: str = "secret"
    headers: dict[str, str] = {}
    url: str | None = None


INCIDENTS = {
    "JSON re-serialised": Incident("github", "written compactly", received=_indented),
    "JSON re-serialised, sent indented": Incident("stripe", "indented by 2", sent=_indented),
    "a newline stripped": Incident("github", "newline", sent=lambda number: _compact(number) + b"\n"),
    "a secret in quotes": Incident("shopify", "quotes", configured='"secret"'),
    "another endpoint's secret": Incident("stripe", "/hooks/b (stripe)", configured="mine"),
    "a URL behind a proxy": Incident("square", "set public_url", url="http://10.0.0.7/in"),
    "an apostrophe escaped": Incident("square", "%27", url="https://hooks.example.com/in"),
    "decompressed on the way": Incident(
        "slack",
        "decompressed",
        sent=lambda number: gzip.compress(_compact(number), 6, mtime=0),
        headers={"content-encoding": "gzip"},
    ),
}


def _known() -> list[KnownSecret]:
    return [KnownSecret("/hooks/a", "github", "a"), KnownSecret("/hooks/b", "stripe", ["no", "secret"])]


def _forwarded(incident: Incident) -> dict[str, str]:
    return {"x-forwarded-host": "hooks.example.com", "x-forwarded-proto": "https"} if incident.url else {}


def _verified(verifier: Verifier, incident: Incident, number: int) -> str:
    path, seen = f"/in/{number}", incident.url and f"{incident.url}/{number}"
    if incident.words == "%27":
        path, seen = f"/in/o%27b/{number}", f"{incident.url}/o'b/{number}"
    public = f"https://hooks.example.com{path}"
    headers = sign(incident.provider, incident.sent(number), "secret", url=public)
    received = incident.received(number)
    headers |= {**incident.headers, **_forwarded(incident)}
    result = verifier.verify(received, headers, url=seen)
    assert not result.valid
    assert result.kind is None
    return result.hint or ""


@pytest.fixture
def one_diagnosis(monkeypatch: pytest.MonkeyPatch) -> None:
    """The allowance is one diagnosis, and its second does not end."""
    monkeypatch.setattr(investigation, "rate_limit", RateLimit(1, lambda: 7.0))


@pytest.mark.usefixtures("one_diagnosis")
@pytest.mark.parametrize("name", INCIDENTS)
def test_what_proved_itself_stays_proved_for_every_delivery_of_a_flood(name: str) -> None:
    incident = INCIDENTS[name]
    verifier = Verifier(incident.provider, incident.configured, known_secrets=_known)

    hints = [_verified(verifier, incident, number) for number in range(30)]

    assert all(hint.startswith("Proved:") and incident.words in hint for hint in hints), hints


@pytest.mark.usefixtures("one_diagnosis")
def test_forged_deliveries_in_between_do_not_make_an_endpoint_forget() -> None:
    incident = INCIDENTS["JSON re-serialised"]
    verifier = Verifier("github", "secret")

    for number in range(10):
        assert "Proved" in _verified(verifier, incident, number)
        for secret in ("a stranger's", "another's"):
            forged = verifier.verify(_compact(number), sign("github", _compact(number), secret))
            assert forged.reason == "hmac_mismatch"
            assert "Proved" not in (forged.hint or "")


def test_two_causes_are_remembered_and_a_third_counts_towards_the_allowance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(investigation, "rate_limit", RateLimit(3, lambda: 7.0))
    names = ("JSON re-serialised", "a newline stripped")
    verifier = Verifier("github", "secret", known_secrets=_known)
    first, second = (INCIDENTS[name] for name in names)
    third = first._replace(
        sent=lambda number: b"a\r\nb", received=lambda number: b"a\nb", words="line endings"
    )

    for incident in (first, second, first, second):
        assert incident.words in _verified(verifier, incident, 1)
    assert third.words in _verified(verifier, third, 1)

    assert "limited to" in _verified(verifier, first, 2)
    assert third.words in _verified(verifier, third, 2)


def test_a_flood_of_forged_deliveries_stops_trying_what_was_proved_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [7.0]
    wasted = WastedTime(WASTED_SECONDS, lambda: now[0])
    monkeypatch.setattr(investigation, "wasted_time", wasted)
    monkeypatch.setattr(investigation, "rate_limit", RateLimit(1, lambda: 7.0))
    incident = INCIDENTS["JSON re-serialised"]
    verifier = Verifier("github", "secret")
    assert "Proved" in _verified(verifier, incident, 1)

    wasted.add(WASTED_SECONDS)
    assert "limited to" in _verified(verifier, incident, 2)
    now[0] += 1.0
    assert "Proved" in _verified(verifier, incident, 3)


def test_only_trials_in_vain_are_counted_as_wasted(monkeypatch: pytest.MonkeyPatch) -> None:
    counted: list[float] = []
    monkeypatch.setattr(investigation.wasted_time, "add", counted.append)
    incident = INCIDENTS["JSON re-serialised"]
    verifier = Verifier("github", "secret")

    for number in range(5):
        _verified(verifier, incident, number)
    assert counted == []
    verifier.verify(_indented(9), sign("github", _compact(9), "a stranger's"))
    assert len(counted) == 1


def _hashed_by(monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> int:
    hashed: list[int] = []
    sign_once = HmacKey.sign

    def counting(self: HmacKey, message: tuple[bytes, bytes, bytes]) -> bytes:
        hashed.append(len(message[1]))
        return sign_once(self, message)

    with monkeypatch.context() as patched:
        patched.setattr(HmacKey, "sign", counting)
        action()
    return sum(hashed)


@pytest.mark.parametrize("size", [10_000, 1_000_000, 2 * HASHED_BYTES])
def test_one_forged_delivery_after_a_proof_is_hashed_few_times_more(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(investigation, "rate_limit", RateLimit(1, lambda: 7.0))
    verifier = Verifier("github", "secret", known_secrets=_known)
    for name in ("JSON re-serialised", "a newline stripped"):
        investigation.rate_limit.reset()
        assert "Proved" in _verified(verifier, INCIDENTS[name], 1)
    forged = b'{"a":"' + b"x" * size + b'"}'
    headers = sign("github", forged, "a stranger's")

    hashed = _hashed_by(monkeypatch, lambda: verifier.verify(forged, headers))

    # Once for the check, and once for each of the two causes.
    assert hashed <= 3 * len(forged) + 10


def test_what_is_remembered_holds_no_secret_and_no_body() -> None:
    verifier = Verifier("stripe", "mine", known_secrets=_known)
    incident = INCIDENTS["another endpoint's secret"]
    _verified(verifier, incident, 1)

    assert verifier._diagnosis is not None
    assert verifier._diagnosis._proved == ((secrets.known_secret, ("/hooks/b", "stripe", 1)),)


def test_the_memory_never_makes_an_invalid_delivery_valid_nor_calls_another_change_proved() -> None:
    incident = INCIDENTS["a newline stripped"]
    verifier = Verifier("github", "secret")
    _verified(verifier, incident, 1)
    assert verifier._diagnosis is not None
    assert verifier._diagnosis._proved[0].hypothesis is body.trailing_newline

    changed = verifier.verify(_compact(1) + b" x", sign("github", _compact(1) + b"\n", "secret"))

    assert (changed.valid, changed.reason) == (False, "hmac_mismatch")
    assert "Proved" not in (changed.hint or "")


def test_a_delivery_that_arrives_as_it_was_sent_is_valid_in_the_midst_of_an_incident() -> None:
    incident = INCIDENTS["JSON re-serialised"]
    verifier = Verifier("github", "secret")
    _verified(verifier, incident, 1)

    assert verifier.verify(_compact(2), sign("github", _compact(2), "secret"))
