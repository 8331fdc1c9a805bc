"""What the receiver saw of deliveries, with their links, and what the handlers themselves wrote down."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.receiver import Receiver

TOO_LONG = 60.0
_PREFIX = "outworx.webhook."


@dataclass(frozen=True)
class Seen:
    """One webhook span. Ids are in hex."""

    span_id: str
    links: list[str]
    attributes: dict[str, Any]

    def said(self, name: str) -> Any:
        """An attribute by its name without `outworx.webhook.`."""
        return self.attributes.get(_PREFIX + name)

    @property
    def outcome(self) -> Any:
        return self.said("idempotency.outcome")

    @property
    def key(self) -> str:
        """The delivery's key as it was sent, not its hash."""
        return str(self.attributes["http.request.header.x-github-delivery"][0])


def webhooks(receiver: Receiver) -> list[Seen]:
    """Every webhook span so far, in the order in which deliveries began."""
    spans = [span for call in list(receiver.calls) for span in call.spans() if span.name == "webhook github"]
    return [_read(span) for span in sorted(spans, key=lambda span: span.start_time_unix_nano)]


def await_webhooks(
    receiver: Receiver, count: int, key: str = "", outcome: str | None = None, *, at_least: bool = False
) -> list[Seen]:
    """The spans of deliveries whose key begins so, all or those of one outcome, once there are `count` of them."""
    until = time.monotonic() + TOO_LONG
    while True:
        spans = [span for span in webhooks(receiver) if span.key.startswith(key)]
        found = [span for span in spans if outcome in (None, span.outcome)]
        if len(found) >= count or time.monotonic() > until:
            assert len(found) == count or (at_least and found), f"{len(found)} spans arrived, not {count}"
            return found
        time.sleep(0.05)


def runs(witness: Path, key: str = "") -> Counter[str]:
    """How often the handler ran for each key that begins so, by its own account."""
    return Counter(ran for ran, _pid in _lines(witness) if ran.startswith(key))


def pids(witness: Path, key: str) -> list[int]:
    """The processes that ran the handler for a key, in order."""
    return [pid for ran, pid in _lines(witness) if ran == key]


def _lines(witness: Path) -> Iterator[tuple[str, int]]:
    for line in witness.read_text().splitlines() if witness.exists() else ():
        key, pid = line.split()
        yield key, int(pid)


def _read(span: Any) -> Seen:
    attributes = {pair.key: _value(pair.value) for pair in span.attributes}
    return Seen(span.span_id.hex(), [link.span_id.hex() for link in span.links], attributes)


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(item) for item in value.array_value.values]
    return getattr(value, kind) if kind else None
