"""The policy of each path: one table; a path that is not in it needs a session."""

from __future__ import annotations

import enum
from typing import Final


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


_EXACT: Final = {
    "/healthz": Policy.PUBLIC,
    "/login": Policy.PUBLIC,
}
_BELOW: Final = (
    ("/static/", Policy.PUBLIC),
    ("/t/", Policy.TUNNEL),
    ("/v1/", Policy.KEY),
    ("/api/", Policy.READ),
)


def policy_of(path: str) -> Policy:
    """The policy of a path, as the router sees it: decoded, compared letter by letter, never cleaned up.

    Whatever looks like a way round (`//api/x`, `/API/x`, `/static/../api/x`) is another path for both: the router has
    no route for it, or the one that this table means.
    """
    exact = _EXACT.get(path)
    if exact is not None:
        return exact
    for prefix, policy in _BELOW:
        if path.startswith(prefix):
            return policy
    return Policy.PAGE
