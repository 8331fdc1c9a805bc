"""Which of an endpoint's secrets matched is kept by its place, and what its deliveries are proved by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from outworx_otel.server.api.overview import overview_document
from outworx_otel.server.model import Filter
from outworx_otel.server.problems.judging import judge
from outworx_otel.server.proof import MAX_SECRETS, Proof, SecretUses
from outworx_otel.server.rule_settings import rule_settings
from outworx_otel.server.rules.findings import found
from outworx_otel.server.store import Store
from server.problems.staged import BEGIN, came
from server.problems.test_rules import HOUR, Scene
from server.store.samples import DAY, NOW, SECOND

WEEK = 7 * 86_400


@pytest.fixture
def scene(url: str, open_store: Callable[..., Store]) -> Scene:
    return Scene(open_store, url)


def proof(scene: Scene) -> Proof:
    """That of the only endpoint there is."""
    (endpoint,) = scene.store.endpoints(NOW - DAY, NOW + 60 * DAY).endpoints
    return endpoint.proof


def used(index: int, second: float, count: int = 2, **more: Any) -> Any:
    """A genuine delivery that one of several secrets fitted."""
    return came(
        "accepted", second, kind="verified", key_index=index, key_count=count if count > 1 else None, **more
    )


def test_each_secret_has_the_time_of_its_last_match(scene: Scene) -> None:
    scene.keep(used(1, 0), used(0, 60), used(1, 30))

    last = [BEGIN + 60 * SECOND, BEGIN + 30 * SECOND]
    assert proof(scene) == Proof("verified", SecretUses(BEGIN, last))
    # What failed in the handler was signed all the same.
    scene.keep(came("error", 90, kind="verified", key_index=1, key_count=2))
    assert proof(scene).secrets == SecretUses(BEGIN, [BEGIN + 60 * SECOND, BEGIN + 90 * SECOND])


def test_another_number_of_secrets_begins_anew(scene: Scene) -> None:
    scene.keep(used(1, 0))
    scene.keep(used(0, 60, count=1))
    assert proof(scene) == Proof("verified", None)
    scene.keep(used(2, 120, count=3))
    assert proof(scene).secrets == SecretUses(BEGIN + 120 * SECOND, [0, 0, BEGIN + 120 * SECOND])
    # It was on its way for long, and tells nothing of the present.
    scene.keep(used(1, 30))
    assert len(proof(scene).secrets.last_ns) == 3  # type: ignore[union-attr]  # three of them


@pytest.mark.parametrize(
    ("index", "count"), [(2, 2), (-1, 2), (0, MAX_SECRETS + 1), ("0", "2"), (0, 2**62), (None, 2), (0.0, 2.0)]
)
def test_what_a_sender_makes_up_of_secrets_is_left_alone(index: Any, count: Any) -> None:
    judged = judge(came("accepted", kind="whatever", key_index=index, key_count=count), BEGIN)

    assert (judged.kind_of_signature, judged.secret) == (None, None)


def test_nothing_is_learnt_from_what_was_not_proved_genuine(scene: Scene) -> None:
    scene.keep(used(0, 0), came("rejected", 60, kind="authenticated", key_index=1, key_count=2))

    assert proof(scene).secrets == SecretUses(BEGIN, [BEGIN, 0])


@pytest.mark.parametrize("kind", ["verified", "authenticated"])
def test_an_endpoint_says_what_its_signatures_prove(scene: Scene, kind: str) -> None:
    scene.keep(came("accepted", kind=kind))

    (endpoint,) = overview_document(scene.store.endpoints(NOW - DAY, NOW)).endpoints
    (shown,) = scene.store.overview(NOW - DAY, NOW, Filter()).endpoints

    assert (endpoint.verified, endpoint.signature_kind, endpoint.secrets) == (True, kind, None)
    assert (shown.kind, shown.secrets) == (kind, None)


def test_an_old_secret_that_is_still_in_use_is_told_once_there_was_time_to_change_it(scene: Scene) -> None:
    scene.keep(used(1, HOUR - WEEK), used(1, 60))
    assert scene.look("old_secret") == []

    scene.pass_time(2 * HOUR)
    # Of this one somebody may still have been about to change it.
    assert scene.look("old_secret") == []
    scene.keep(used(1, -2 * WEEK, route="/other"), used(1, 0, route="/other"))
    (alert,) = scene.look("old_secret")

    assert alert.headline == "stripe /other: its old secret is still in use"
    assert "of 2 secrets, which are there since 2026-09-07 13:13 UTC, number 2 matched last at" in alert.what
    assert "the first one has never matched" in alert.what
    scene.keep(used(0, 60, route="/other"))
    assert "never" not in scene.look("old_secret")[0].what


@pytest.mark.parametrize("ending", ["it is left out", "it is not used any more"])
def test_it_ends_when_the_old_secret_does(scene: Scene, ending: str) -> None:
    scene.keep(used(1, -WEEK), used(1, 0))
    assert len(scene.look("old_secret")) == 1

    if ending == "it is left out":
        scene.keep(used(0, 120, count=1))
    else:
        scene.pass_time(WEEK)

    assert scene.look("old_secret") == []


def test_the_time_is_set_and_the_rule_switched_off(scene: Scene) -> None:
    scene.keep(used(1, 0), used(1, HOUR - 60))
    snapshot = scene.store.snapshot(lambda provider: 86_400.0)

    def told(table: Any) -> list[str]:
        return [one.rule for one in found(snapshot, rule_settings({"old_secret": table}))]

    assert told({"after": "30m"}) == ["old_secret"]
    assert told({"after": "3h"}) == told(False) == []
