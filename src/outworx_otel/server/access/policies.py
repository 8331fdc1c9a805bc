"""What each path requires: one table. A path that is not in it needs what a page needs."""

from __future__ import annotations

import enum
from typing import Final, NamedTuple

from outworx_otel.server.purposes import Purpose


class Policy(enum.Enum):
    """What a path requires.

    KEY: an API key. READ: an API key, or for GET and HEAD a session. PAGE: a session, or for GET and HEAD a key.
    PUBLIC: nothing. TUNNEL: nothing either, and what passes is a stranger's talk with a local application, so the
    relay sets the headers.
    """

    KEY = enum.auto()
    READ = enum.auto()
    PAGE = enum.auto()
    PUBLIC = enum.auto()
    TUNNEL = enum.auto()


class Rule(NamedTuple):
    """The policy of a path, and what a key must be for: to read from it, and to do anything else. None: any key.

    `declared` is False where no row of the table is about the path.
    """

    policy: Policy
    reads: Purpose | None = None
    changes: Purpose | None = None
    declared: bool = True

    def purpose(self, method: str) -> Purpose | None:
        """Returns the purpose that a request by this method needs; None where any key will do."""
        return self.reads if method in READING else self.changes


READING: Final = frozenset({"GET", "HEAD"})

_PUBLIC: Final = Rule(Policy.PUBLIC)
_PAGE: Final = Rule(Policy.PAGE, Purpose.READ, Purpose.ADMIN)
_CALL: Final = Rule(Policy.READ, Purpose.READ, Purpose.ADMIN)
_INGEST: Final = Rule(Policy.READ, Purpose.INGEST, Purpose.INGEST)

_EXACT: Final = {
    "/": _PAGE,
    "/alerts": _PAGE,
    "/deliveries": _PAGE,
    "/deliveries.csv": _PAGE,
    "/deliveries.json": _PAGE,
    "/healthz": _PUBLIC,
    "/live": _PAGE,
    "/login": _PUBLIC,
    "/metrics": _CALL,
    # What sends looks for `admin` itself.
    "/mcp": Rule(Policy.KEY, Purpose.READ, Purpose.READ),
    "/logout": Rule(Policy.PAGE),
    "/replay": _PAGE,
    "/api/alerts": _CALL,
    "/api/deliveries": _CALL,
    "/api/ingest": _INGEST,
    # What the key that asks may do.
    "/api/key": Rule(Policy.READ),
    "/api/openapi.json": _CALL,
    "/api/overview": _CALL,
    "/api/problems": _CALL,
}
_BELOW: Final = (
    ("/static/", _PUBLIC),
    ("/t/", Rule(Policy.TUNNEL)),
    ("/v1/", Rule(Policy.KEY, Purpose.INGEST, Purpose.INGEST)),
    ("/api/deliveries/", _CALL),
    ("/api/forward/", Rule(Policy.READ, Purpose.FORWARD, Purpose.FORWARD)),
    ("/api/ingest/", _INGEST),
    ("/api/problems/", _CALL),
    ("/api/sdk/", _INGEST),
    ("/deliveries/", _PAGE),
    ("/problems/", _PAGE),
    ("/replays/", _PAGE),
)
# No route is below these: a test looks.
_OTHER_CALLS: Final = _CALL._replace(declared=False)
_OTHER_PAGES: Final = _PAGE._replace(declared=False)


def rule_of(path: str) -> Rule:
    """The rule of a path, as the router sees it: decoded, compared letter by letter, never cleaned up.

    Whatever looks like a way round (`//api/x`, `/API/x`, `/static/../api/x`) is another path for both: the router has
    no route for it, or the one that this table means.
    """
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    for prefix, rule in _BELOW:
        if path.startswith(prefix):
            return rule
    return _OTHER_CALLS if path.startswith("/api/") else _OTHER_PAGES


def policy_of(path: str) -> Policy:
    """The policy of a path; see `rule_of`."""
    return rule_of(path).policy
