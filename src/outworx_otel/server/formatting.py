"""Formats values for people. In what was delivered, invisible and misleading characters are made visible."""

from __future__ import annotations

import datetime
import functools
import re
from typing import Any, Final

NONE: Final = "\u2013"
_NS: Final = 1_000_000_000

# Controls, bidirectional overrides and isolates, what has no width, line separators, tags, and lone surrogates.
# Joiners and directional marks stay: names in Arabic, Hebrew and many emoji need them.
_HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u180e\u200b\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f\ud800-\udfff]"
)


def visible(text: str) -> str:
    """`text` with what cannot be seen made visible: `\\x00` as U+2400, a bidirectional override as `<U+202E>`.

    Tabs and newlines stay.
    """
    return text if text.isprintable() else _HIDDEN.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def short(text: str, limit: int) -> str:
    """At most `limit` characters, and how many were left out."""
    return text if len(text) <= limit else f"{text[:limit]}… (and {number(len(text) - limit)} characters)"


def plain(value: Any) -> str:
    """An attribute as text: lists with commas between."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else f"{value:.3f}"
    return str(value)


def number(value: float) -> str:
    """1,234,567."""
    return f"{value:,.0f}"


def about(value: float) -> str:
    """A mean, to be read as one: 0.4, 6, 1,200."""
    return f"{value:.1f}" if 0 < value < 1.95 else number(value)


def percent(rate: float | None) -> str:
    """99.3 %; never rounded up to 100 while something failed."""
    if rate is None:
        return NONE
    if rate in (0, 1):
        return f"{rate:.0%}"
    return f"{min(max(rate * 100, 0.1), 99.9):.1f}%"


def duration(nanoseconds: int | None) -> str:
    """480 µs, 42 ms, 1.25 s, 3 min 20 s."""
    if nanoseconds is None:
        return NONE
    if nanoseconds < 999_500:
        return f"{nanoseconds / 1e3:.0f} µs"
    if nanoseconds < 9_950_000:
        return f"{nanoseconds / 1e6:.1f} ms"
    if nanoseconds < 999_500_000:
        return f"{nanoseconds / 1e6:.0f} ms"
    seconds = nanoseconds / 1e9
    return f"{seconds:.2f} s" if seconds < 60 else f"{span(seconds)}"


def span(seconds: float) -> str:
    """A length of time in its two largest units: 3 min 20 s, 5 h, 2 d 4 h."""
    left, words = round(abs(seconds)), []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            words.append(f"{count} {unit}")
        elif words:
            break
    return " ".join(words[:2]) or "0 s"


def ago(time_ns: int, now_ns: int) -> str:
    """just now, 12 s ago, 4 min ago, 3 h ago, 12 d ago; the same words as comforts.js."""
    seconds = (now_ns - time_ns) / _NS
    if seconds < -5:
        return f"in {span(seconds)}"
    if seconds < 5:
        return "just now"
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"


# Of the same time a page says several things.
@functools.lru_cache(maxsize=256)
def moment(time_ns: int) -> datetime.datetime | None:
    """UTC; None for a time that no calendar has."""
    try:
        return datetime.datetime.fromtimestamp(time_ns / _NS, datetime.timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None


def iso(time_ns: int) -> str:
    """2026-11-07T16:18:42.123Z."""
    at = moment(time_ns)
    return "" if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock(time_ns: int) -> str:
    """2026-11-07 16:18:42.123 UTC."""
    at = moment(time_ns)
    return "an impossible time" if at is None else at.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + " UTC"


def brief(time_ns: int) -> str:
    """Nov 7, 16:18:42, in UTC."""
    at = moment(time_ns)
    return NONE if at is None else f"{at:%b} {at.day}, {at:%H:%M:%S}"


def picked(text: str) -> str:
    """A filter's time as a field of the time picker takes it, in UTC; empty where it is not of whole minutes."""
    try:
        at = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
        if at.tzinfo is not None:
            at = at.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):
        return ""
    return at.strftime("%Y-%m-%dT%H:%M") if at.year > 999 and not (at.second or at.microsecond) else ""


def size(count: int | None) -> str:
    """812 B, 1.2 KiB, 10.0 MiB."""
    if count is None:
        return NONE
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1024 * 1024 else f"{count / 1024 / 1024:.1f} MiB"
