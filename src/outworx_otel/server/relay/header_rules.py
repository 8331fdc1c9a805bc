"""Chooses which headers pass the relay, to the local server and back."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from outworx_otel.http.headers import end_to_end
from outworx_otel.server.relay.held_caller import Pairs

TUNNEL: Final = "x-outworx-tunnel"
EVENT: Final = "x-outworx-tunnel-event"

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_LENGTH: Final = re.compile(r"[0-9]{1,18}")
_HOST: Final = re.compile(r"(?:\[[0-9A-Fa-f:.]{2,64}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
MAX_ANSWER_HEADERS: Final = 200
MAX_ANSWER_HEADER_BYTES: Final = 65_536

# What the relay says itself, and what only a proxy in front of it may say.
_OVERWRITTEN: Final = re.compile(
    r"host|content-length|expect|forwarded|via|x-forwarded-.*|x-real-ip|true-client-ip|cf-connecting-ip|x-outworx-.*"
)
# They would act on the whole origin, which is the dashboard's.
_OF_THE_ORIGIN: Final = frozenset(
    {
        "accept-ch",
        "alt-svc",
        "clear-site-data",
        "critical-ch",
        "expect-ct",
        "nel",
        "origin-agent-cluster",
        "public-key-pins",
        "report-to",
        "reporting-endpoints",
        "sec-session-registration",
        "secure-session-registration",
        "service-worker-allowed",
        "set-cookie",
        "set-cookie2",
        "set-login",
        "strict-transport-security",
        "use-as-dictionary",
    }
)
# What a browser opens or fetches, and does not run in a page.
_SHOWN_ALONE: Final = frozenset({b"document", b"empty", b"image", b"audio", b"video", b"track", b"font"})
# The server that runs the relay writes these.
_OF_THE_SERVER: Final = frozenset({"content-length", "date", "server"})


def sound_host(host: str) -> bool:
    """Returns whether a Host header is well formed: applications build links from the X-Forwarded-Host we send."""
    return _HOST.fullmatch(host) is not None


def for_the_local_server(
    raw: Iterable[tuple[bytes, bytes]],
    *,
    slug: str,
    event: str,
    caller: str,
    scheme: str,
    host: str,
    cookie: str,
) -> Pairs:
    """Returns a caller's headers for the local server.

    Args:
        raw: ASGI's pairs.
        slug: of the session.
        event: the delivery's id, by which its span can be found.
        caller: the address that it came from.
        scheme: `http` or `https`, as it reached the public URL.
        host: the public URL's.
        cookie: the dashboard's, which is none of the local server's business; "" for none.
    """
    pairs = end_to_end((name.decode("latin-1"), value.decode("latin-1")) for name, value in raw)
    kept = [(name, value) for name, value in pairs if _OVERWRITTEN.fullmatch(name.lower()) is None]
    if cookie:
        kept = [pair for pair in (_without(cookie, *pair) for pair in kept) if pair is not None]
    kept += [("x-forwarded-for", caller)] if caller else []
    kept += [("x-forwarded-proto", scheme), ("x-forwarded-host", host), ("x-forwarded-prefix", f"/t/{slug}")]
    return (*kept, (TUNNEL, slug), (EVENT, event))


def for_the_caller(
    pairs: Pairs, *, slug: str, own_origin: bool, cookie: str, bodiless: bool
) -> list[tuple[str, str]]:
    """Returns the local answer's headers for the caller, without those that are malformed.

    Args:
        pairs: as the client sent them.
        slug: of the session; "" where there is none.
        own_origin: whether the relay has a port of its own, so that cookies may be set.
        cookie: the dashboard's. It may not be set there either: cookies do not know of ports.
        bodiless: an answer to HEAD, or a 304, whose Content-Length speaks of a body that is not there.
    """
    kept = [
        (name, value.strip(" \t"))
        for name, value in end_to_end(pairs)
        if _TOKEN.fullmatch(name)
        and _VALUE.fullmatch(value)
        and _may_pass(name.lower(), value, own_origin, cookie)
    ]
    if bodiless:
        kept += [
            (name, value)
            for name, value in pairs
            if name.lower() == "content-length" and _LENGTH.fullmatch(value)
        ][:1]
    kept.append(("content-security-policy", "sandbox"))
    return [*kept, (TUNNEL, slug)] if slug else kept


def is_part_of_a_page(raw: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a page of this very origin asks for something that acts in it: a script, a style, a frame.

    A tunnelled answer has an origin of its own (`sandbox`), so that it is one of the dashboard's pages, whose policy
    takes scripts of its own origin. None of them has any business with an answer of a stranger's.
    """
    asked = {name.lower(): value for name, value in raw}
    return (
        asked.get(b"sec-fetch-site") == b"same-origin"
        and asked.get(b"sec-fetch-dest", b"document") not in _SHOWN_ALONE
    )


def too_large(pairs: Pairs) -> bool:
    """Returns whether an answer's headers are larger than servers and callers accept."""
    return (
        len(pairs) > MAX_ANSWER_HEADERS
        or sum(len(name) + len(value) + 4 for name, value in pairs) > MAX_ANSWER_HEADER_BYTES
    )


def _may_pass(name: str, value: str, own_origin: bool, cookie: str) -> bool:
    if name in _OF_THE_SERVER or name.startswith("x-outworx-tunnel"):
        return False
    if name == "set-cookie" and own_origin:
        # "=name=value" is a cookie without a name, and browsers send it back as "name=value".
        return not cookie or value.lstrip("= \t").partition("=")[0].strip() != cookie
    return name not in _OF_THE_ORIGIN


def _without(cookie: str, name: str, value: str) -> tuple[str, str] | None:
    if name.lower() != "cookie" or cookie not in value:
        return name, value
    others = [part for part in value.split(";") if part.partition("=")[0].strip() != cookie]
    return (name, ";".join(others).strip()) if others else None
