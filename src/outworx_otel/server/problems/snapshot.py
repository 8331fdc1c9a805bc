"""What the rules look at: one moment of the store."""

from __future__ import annotations

import msgspec

from outworx_otel.server.problems.problem import Problem
from outworx_otel.server.problems.state import EndpointsOverview


class Waiting(msgspec.Struct, frozen=True):
    """Events of an endpoint that are unhandled for too long: for more than `after` seconds."""

    endpoint: int
    events: int
    first_ns: int
    after: float


class Snapshot(msgspec.Struct, frozen=True):
    """One moment. `problems` are open or acknowledged."""

    now_ns: int
    problems: list[Problem]
    hour: EndpointsOverview
    week: EndpointsOverview
    waiting: list[Waiting]
