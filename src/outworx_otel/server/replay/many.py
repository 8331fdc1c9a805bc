"""Sends many events once more: of each the newest attempt that is stored whole, in the order in which they came."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from outworx_otel.server.fields import BY_NAME
from outworx_otel.server.replay.completeness import completeness
from outworx_otel.server.replay.resigning import Outgoing
from outworx_otel.server.replay.sending import ReplayAnswer
from outworx_otel.server.replay.stored import ReplayError, StoredRequest
from outworx_otel.telemetry import semconv

MAX_UNANSWERED: Final = 3
"""Events in a row that had no answer, after which nothing more is sent."""

_MAX_ATTEMPTS: Final = 5
_UNPROVED: Final = (
    "its signature was not valid, so a stranger may have sent it: if you know better, replay it by its id"
)
_VERIFIED: Final = semconv.SIGNATURE_VALID.removeprefix("outworx.webhook.")
_ENDPOINT: Final = tuple(BY_NAME[name].json for name in ("service", "environment", "provider"))
_ID, _TIME, _EVENT_ID, _EVENT_TYPE, _PROVIDER, _ROUTE, _PATH = (
    BY_NAME[name].json for name in ("id", "time_ns", "event_id", "event_type", "provider", "route", "path")
)


class Fate(enum.Enum):
    """What became of an event.

    READY: it could be sent. DONE: answered with 2xx. ANSWERED: with another status. UNANSWERED: there was no answer.
    HANDLED: not sent, because it was handled meanwhile. IMPOSSIBLE: not sent, because it cannot be.
    """

    READY = "ready"
    DONE = "done"
    ANSWERED = "answered"
    UNANSWERED = "unanswered"
    HANDLED = "handled"
    IMPOSSIBLE = "impossible"


@dataclasses.dataclass(frozen=True)
class ChosenEvent:
    """An event to send again.

    Args:
        provider: who sent it.
        event_id: the provider's; None where it has none, and then each delivery is its own event.
        event_type: what happened.
        place: the route that took it, or its path.
        deliveries: ids of the attempts, the newest first.
    """

    provider: str
    event_id: str | None
    event_type: str | None
    place: str
    deliveries: tuple[str, ...]

    @property
    def name(self) -> str:
        """How it is called: its id, else that of its delivery."""
        return self.event_id or self.deliveries[0]


@dataclasses.dataclass(frozen=True)
class ReplayedEvent:
    """What became of one.

    Args:
        event: which.
        fate: what.
        delivery: the attempt whose bytes were sent, None where none were.
        request: what was sent, or would be.
        answer: what came back.
        why: why nothing was sent, or nothing came back; "" where all went well.
    """

    event: ChosenEvent
    fate: Fate
    delivery: str | None = None
    request: Outgoing | None = None
    answer: ReplayAnswer | None = None
    why: str = ""


def choose_events(listed: Iterable[Mapping[str, Any]], limit: int) -> tuple[list[ChosenEvent], bool]:
    """Returns the events of deliveries, those first that came first, and whether there are more than the limit.

    Args:
        listed: as `GET /api/deliveries` lists them, the newest first; no more is taken of it than is needed.
        limit: so many at most, the newest.
    """
    attempts: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    more = False
    for one in listed:
        event_id = one.get(_EVENT_ID)
        endpoint = (*map(one.get, _ENDPOINT), _place(one))
        key = (*endpoint, event_id) if event_id else (one[_ID],)
        known = attempts.get(key)
        if known is None:
            if len(attempts) == limit:
                more = True
                break
            attempts[key] = [one]
        elif len(known) < _MAX_ATTEMPTS:
            known.append(one)
        else:
            known[-1] = one  # The oldest says when it came first.
    first_come = sorted(attempts.values(), key=lambda known: str(known[-1].get(_TIME)))
    return [_event(known) for known in first_come], more


def _event(attempts: Sequence[Mapping[str, Any]]) -> ChosenEvent:
    newest = attempts[0]
    return ChosenEvent(
        newest.get(_PROVIDER) or "",
        newest.get(_EVENT_ID),
        newest.get(_EVENT_TYPE),
        _place(newest),
        tuple(one[_ID] for one in attempts),
    )


def _place(one: Mapping[str, Any]) -> str:
    return one.get(_ROUTE) or one.get(_PATH) or ""


@dataclasses.dataclass(frozen=True)
class Resending:
    """How events are sent again.

    Args:
        fetch: the whole delivery of an id, as `GET /api/deliveries/{id}` gives it; None where it is gone. What it
            raises ends it all.
        prepare: the request to send, of a stored one and of whether its endpoint verifies; raises `ReplayError`
            where it cannot be made.
        send: sends it, and raises `ReplayError` where no answer comes; None for a dry run.
        only_unhandled: leave out what was handled meanwhile.
    """

    fetch: Callable[[str], Mapping[str, Any] | None]
    prepare: Callable[[StoredRequest, bool], Outgoing]
    send: Callable[[Outgoing], ReplayAnswer] | None
    only_unhandled: bool = False

    def each(self, events: Iterable[ChosenEvent]) -> Iterator[ReplayedEvent]:
        """Sends one after the other; ends early where `MAX_UNANSWERED` in a row had no answer."""
        unanswered = 0
        for event in events:
            done = self._one(event)
            yield done
            if done.answer is not None:
                unanswered = 0
            unanswered += done.fate is Fate.UNANSWERED
            if unanswered == MAX_UNANSWERED:
                return

    def _one(self, event: ChosenEvent) -> ReplayedEvent:
        why = ""
        for id in event.deliveries:
            # Just before it is sent: bodies are not held, and what is true now counts.
            document = self.fetch(id)
            if document is None:
                why = why or "it was removed meanwhile"
                continue
            if self.only_unhandled and document.get("unhandled") is False:
                return ReplayedEvent(event, Fate.HANDLED, why="it was handled meanwhile")
            if document.get("genuine", document.get(_VERIFIED)) is False:
                # Signed anew, a stranger's words would be the provider's.
                why = why or _UNPROVED
                continue
            found = completeness(document)
            if found.request is not None:
                return self._sent(event, id, found.request, isinstance(document.get(_VERIFIED), bool))
            why = why or found.reason or "what is stored is not all of it"
        return ReplayedEvent(event, Fate.IMPOSSIBLE, why=why)

    def _sent(self, event: ChosenEvent, id: str, stored: StoredRequest, verified: bool) -> ReplayedEvent:
        try:
            request = self.prepare(stored, verified)
        except ReplayError as error:
            return ReplayedEvent(event, Fate.IMPOSSIBLE, why=str(error))
        if self.send is None:
            return ReplayedEvent(event, Fate.READY, id, request)
        try:
            answer = self.send(request)
        except ReplayError as error:
            return ReplayedEvent(event, Fate.UNANSWERED, id, request, why=str(error))
        fate = Fate.DONE if 200 <= answer.status < 300 else Fate.ANSWERED
        return ReplayedEvent(event, fate, id, request, answer)
