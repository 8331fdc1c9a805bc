"""An event takes effect once, whatever the handler's habit of having a session."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from integrations.conftest import Telemetry

from .databases import Place
from .shops import JOINED, KEEPS_NO_ANSWER, Acts, open_shop

Configure = Callable[..., None]


def said(span: Any, name: str) -> Any:
    return (span.attributes or {}).get(f"outworx.webhook.{name}")


def test_a_retry_of_a_done_event_is_answered_and_not_run(
    habit_and_place: tuple[str, Place], configure: Configure, telemetry: Telemetry
) -> None:
    habit, place = habit_and_place
    acts = Acts(select_first=habit not in JOINED)
    configure(place.store)
    shop = open_shop(habit, place, acts)
    first, second = shop.post(), shop.post()
    assert first.status == 201
    assert acts.runs == ["block"]
    assert place.effects() == 1
    done, replayed = telemetry.deliveries()
    assert said(done, "idempotency.outcome") == "executed"
    assert said(done, "idempotency.mode") == said(replayed, "idempotency.mode") == "transaction"
    assert said(replayed, "idempotency.outcome") == said(replayed, "outcome") == "replayed"
    assert second.headers["idempotent-replayed"] == "true"
    if habit in KEEPS_NO_ANSWER:
        assert (second.status, second.body) == (200, b"")
    else:
        assert (second.status, second.body) == (201, first.body)
        assert [link.context.span_id for link in replayed.links] == [done.context.span_id]


@pytest.mark.parametrize("where", ["inside", "after"])
def test_what_a_block_that_raised_has_done_is_undone_with_its_key(
    where: str, habit_and_place: tuple[str, Place], configure: Configure, telemetry: Telemetry
) -> None:
    habit, place = habit_and_place

    def breaks() -> None:
        if len(acts.runs) == 1:
            raise RuntimeError("no")

    acts = Acts(**{where: breaks})
    configure(place.store)
    shop = open_shop(habit, place, acts)
    undone = where == "inside" or habit in JOINED
    assert shop.post().status == 500
    assert place.effects() == (0 if undone else 1)
    assert shop.post().status == (201 if undone else 200)
    assert place.effects() == 1
    first, _ = telemetry.deliveries()
    events = {event.name: event.attributes for event in first.events}
    if where == "inside":
        assert events["outworx.webhook.rolled_back"]["exception.message"] == "no"
        assert said(first, "idempotency.committed") is False
