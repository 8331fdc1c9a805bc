"""The spellings of a signed URL that the provider may have used."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator, Sequence
from itertools import islice
from urllib.parse import SplitResult, quote, unquote_to_bytes, urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}

# HubSpot signs the URI with these escapes undone, and only these.
# https://developers.hubspot.com/docs/apps/developer-platform/build-apps/authentication/request-validation
_HUBSPOT_ESCAPES = {
    "%3A": ":",
    "%2F": "/",
    "%3F": "?",
    "%40": "@",
    "%21": "!",
    "%24": "$",
    "%27": "'",
    "%28": "(",
    "%29": ")",
    "%2A": "*",
    "%2C": ",",
    "%3B": ";",
}

MAX_SPELLINGS = 8
# Every spelling that is signed together with the body hashes the body once more.
_HASHED_BYTES = 1024 * 1024

# What RFC 3986 allows in a path as it is, and some senders and frameworks escape all the same; first what is most
# often in dispute.
DISPUTED = "@+:,'=&$;!*()~"
# JavaScript's encodeURIComponent leaves these.
_LEFT_BY_JAVASCRIPT = frozenset("!*'()~")
_URL = re.compile(r"([^:/?#]+://[^/?#]*)([^?#]*)(.*)", re.DOTALL)
_UNDISPUTED = re.compile(r"[A-Za-z0-9/._-]*")
_ESCAPED_SLASH = re.compile(b"%2[Ff]")
_ESCAPE = re.compile("%[0-9A-F]{2}")


def as_given(url: str) -> tuple[str, ...]:
    """The URL itself and nothing else."""
    return (url,)


def hubspot_forms(url: str) -> tuple[str, ...]:
    """The URL as given, and with the escapes that HubSpot undoes."""
    undone = url
    for escape, character in _HUBSPOT_ESCAPES.items():
        undone = undone.replace(escape, character).replace(escape.lower(), character)
    return (url,) if undone == url else (url, undone)


def port_forms(url: str) -> tuple[str, ...]:
    """The URL as given, without its port, and with the default port; a URL without a host stays alone.

    Twilio's own validator tries the last two, because its back ends do not agree.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return (url,)
    if not parts.netloc:
        return (url,)
    bare = parts.netloc.rpartition(":")[0] if port is not None else parts.netloc
    default = _DEFAULT_PORTS.get(parts.scheme)
    forms = [url, with_netloc(parts, bare)]
    if port is None and default is not None:
        forms.append(with_netloc(parts, f"{bare}:{default}"))
    return tuple(dict.fromkeys(forms))


def with_netloc(parts: SplitResult, netloc: str) -> str:
    """The same URL at another host."""
    return urlunsplit(parts._replace(netloc=netloc))


def url_text(url: str) -> str:
    """The URL as header-like text: the ISO-8859-1 reading of its UTF-8."""
    return url if url.isascii() else url.encode("utf-8", "surrogatepass").decode("latin-1")


def affordable(urls: Sequence[object], body_bytes: int) -> tuple[str, ...]:
    """The first of these URLs: eight with a body of up to 128 KiB, fewer with a larger one, but never less than two.

    Otherwise forged deliveries with large bodies would cost eight times as much as genuine ones.
    """
    most = max(2, min(MAX_SPELLINGS, _HASHED_BYTES // max(1, body_bytes)))
    return tuple(islice(dict.fromkeys([url for url in urls if isinstance(url, str)]), most))


def spellings(url: str) -> tuple[str, ...]:
    """The spellings of a URL whose path a framework has decoded and quoted again, the likeliest first.

    They differ in which characters of the path are escaped, and all decode to the same path. Query and host are
    left as they are. At most eight; the first is the URL as given.
    """
    found = _URL.fullmatch(url)
    if found is None:
        return (url,)
    origin, path, rest = found.groups()
    candidates = dict.fromkeys([url])
    for candidate in _path_spellings(path):
        candidates.setdefault(origin + candidate + rest)
        if len(candidates) == MAX_SPELLINGS:
            break
    return tuple(candidates)


def _path_spellings(path: str) -> Iterator[str]:
    literal = path
    if not _UNDISPUTED.fullmatch(path):
        literal = yield from _escapings(path)
    # A slash that was sent escaped cannot be told from one between segments any more; the last is the likeliest.
    for place in range(len(literal) - 1, 0, -1):
        if literal[place] == "/":
            yield f"{literal[:place]}%2F{literal[place + 1 :]}"


def _escapings(path: str) -> Generator[str, None, str]:
    """The path with these or those characters escaped. First, and returned, is the one with the fewest escapes."""
    # A slash that is still escaped is not the same as one between segments.
    segments = _ESCAPED_SLASH.split(path.encode("utf-8", "surrogatepass"))
    literal = "%2F".join([quote(unquote_to_bytes(text), safe="/" + DISPUTED) for text in segments])
    disputed = [character for character in DISPUTED if character in literal]
    yield literal
    # Python's quote and PHP's rawurlencode; then JavaScript.
    yield escaped(literal, [character for character in disputed if character != "~"])
    yield escaped(literal, [character for character in disputed if character not in _LEFT_BY_JAVASCRIPT])
    for character in disputed:
        yield escaped(literal, [character])
    for kept in disputed:
        yield escaped(literal, [character for character in disputed if character != kept])
    yield escaped(literal, disputed)
    yield _ESCAPE.sub(lambda escape: escape[0].lower(), literal)
    return literal


def escaped(text: str, characters: Sequence[str]) -> str:
    """The text with these characters written as percent escapes."""
    return text.translate({ord(character): f"%{ord(character):02X}" for character in characters})
