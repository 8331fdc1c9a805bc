"""Asks a provider for a key: over TLS, at an address that its row allows, for a bounded time and a bounded answer."""

from __future__ import annotations

import re
import time
from typing import Final

from outworx_otel.errors import ConfigurationError, OutworxError
from outworx_otel.http.bounded_client import BoundedClient, CallFailed
from outworx_otel.http.certificates import trust
from outworx_otel.process.forks import PerProcess
from outworx_otel.signatures.key_fetcher import KeyFetcher, key_fetcher
from outworx_otel.signatures.wanted_keys import Ask, KeyAnswer, KeyPlace, KeyRequest, PublishedKeys, WantedKey
from outworx_otel.version import __version__

SECONDS: Final = 5.0
"""For everything that one key needs: name, connection, TLS, answer; for two calls where it takes two."""
MOST: Final = 64 * 1024
_LONGEST: Final = 86_400.0
_SHORTEST: Final = 60.0
_MAX_AGE: Final = re.compile(r"(?:^|[,\s])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)

# Connections are not kept: a key is asked for once in hours.
client: Final = PerProcess(lambda: BoundedClient(trust, connections=8, keep=1.0))


class NoKey(OutworxError):
    """A key cannot be had; the message says why, in one line without secrets."""


def load(wanted: WantedKey) -> tuple[PublishedKeys, float]:
    """Fetches a document of keys.

    Returns:
        Its keys, and the seconds that they may be kept.

    Raises:
        NoKey: There is none.
    """
    ages: list[float] = []
    try:
        keys = wanted.load(_asking(wanted.place, time.monotonic() + SECONDS, ages))
    except NoKey:
        raise
    except Exception as error:
        # Its text may quote the answer, or be a user's function's.
        raise NoKey(f"what came back is no key ({type(error).__name__})") from error
    keys = {kid: key for kid, key in keys.items() if key is not None}
    if not keys:
        raise NoKey("what came back holds no key that can be used")
    place = wanted.place
    if place.heeds_cache_control and ages:
        return keys, min(max(min(ages), _SHORTEST), _LONGEST)
    return keys, place.lifetime


def _asking(place: KeyPlace, gives_up: float, ages: list[float]) -> Ask:
    def ask(request: KeyRequest) -> KeyAnswer:
        if not place.allows(request.url):
            raise NoKey(f"{request.url[:100]!r} is no address of {place.provider}")
        left = gives_up - time.monotonic()
        if left <= 0:
            raise NoKey(f"no answer within {SECONDS:g} s")
        fetcher = key_fetcher()
        answer = _ask_ourselves(request, left) if fetcher is None else _ask_by(fetcher, request)
        if len(answer.body) > MOST:
            raise NoKey(f"the answer is larger than {MOST // 1024} KiB")
        if answer.max_age is not None:
            ages.append(answer.max_age)
        return answer

    return ask


def _ask_by(fetcher: KeyFetcher, request: KeyRequest) -> KeyAnswer:
    try:
        answer = fetcher(request)
        return KeyAnswer(bytes(answer[0]), answer[1])
    except NoKey:
        raise
    except Exception as error:
        raise NoKey(f"the key fetcher raised {type(error).__name__}") from error


def _ask_ourselves(request: KeyRequest, seconds: float) -> KeyAnswer:
    headers = (("User-Agent", f"outworx-otel/{__version__}"), ("Accept", "*/*"), *request.headers)
    try:
        reply = client().call(request.method, request.url, headers, request.body, seconds=seconds, most=MOST)
    except CallFailed as error:
        # The time that is left of two calls is a number that nobody knows.
        said = re.sub(r"^no answer within [\d.e+-]+ s", f"no answer within {SECONDS:g} s", str(error))
        raise NoKey(said) from error
    except (ConfigurationError, ValueError) as error:
        raise NoKey(str(error)[:300]) from error
    if 300 <= reply.status < 400:
        raise NoKey(f"it redirects ({reply.status}), and no redirect is followed")
    if reply.status != 200:
        raise NoKey(f"it answered {reply.status}")
    if reply.cut:
        raise NoKey(f"the answer is larger than {MOST // 1024} KiB")
    if reply.failure is not None:
        raise NoKey(str(reply.failure))
    return KeyAnswer(reply.body, _max_age(reply.header("cache-control")))


def _max_age(cache_control: str | None) -> float | None:
    found = _MAX_AGE.search(cache_control or "")
    return None if found is None else float(found[1])
