"""Reads and writes signed timestamps, and judges how old they may be."""

from __future__ import annotations

import math
import re
from calendar import timegm
from datetime import datetime, timezone

from outworx_otel.signatures.procedure import Lifetime
from outworx_otel.signatures.scheme import SignatureScheme, TimestampUnit

# Longer than any date, short enough never to meet Python's limit on the digits of an integer.
_MAX_DIGITS = 20
# Seconds reach as many digits in the year 33658.
_MILLISECOND_DIGITS = 13

# RFC 3339 with up to 12 digits of a second (Twitch sends nine and more). Before Python 3.11
# `datetime.fromisoformat` reads neither these nor a trailing Z. Without a zone it is UTC, as Orb's library has it.
_RFC3339 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,12}))?(?:([Zz])|([+-])(\d\d):?(\d\d))?",
    re.ASCII,
)


def read_timestamp(text: str, unit: TimestampUnit) -> float | None:
    """Unix seconds of a timestamp as sent, or None when it is not one."""
    if unit == "iso8601":
        return _read_rfc3339(text)
    if not text.isascii() or not text.isdigit() or len(text) > _MAX_DIGITS:
        return None
    in_milliseconds = unit == "ms" or (unit == "auto" and len(text) >= _MILLISECOND_DIGITS)
    return int(text) / 1000 if in_milliseconds else float(text)


def _read_rfc3339(text: str) -> float | None:
    match = _RFC3339.fullmatch(text)
    if match is None:
        return None
    year, month, day, hour, minute, second, fraction, _, sign, hours, minutes = match.groups()
    try:
        moment = datetime(int(year), int(month), int(day), int(hour), int(minute), int(second))
    except ValueError:
        return None
    offset = (int(hours) * 3600 + int(minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
    return timegm(moment.timetuple()) - offset + (float(f"0.{fraction}") if fraction else 0.0)


def write_timestamp(now: float, unit: TimestampUnit) -> str:
    """A timestamp in the form in which the provider would send it."""
    milliseconds = str(int(now * 1000))
    if unit == "ms" or (unit == "auto" and len(milliseconds) >= _MILLISECOND_DIGITS):
        return milliseconds
    if unit == "iso8601":
        moment = datetime.fromtimestamp(now, tz=timezone.utc)
        return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    return str(int(now))


def outside_window(scheme: SignatureScheme, age: float, tolerance: float) -> bool:
    """Whether a signature of this age in seconds, negative in the future, is too far away."""
    if math.isinf(tolerance):
        return False
    if age < 0 and scheme.window != "both":
        return scheme.window == "elapsed"
    distance = abs(age)
    return distance > tolerance if scheme.inclusive else distance >= tolerance


def outside_lifetime(lifetime: Lifetime, now: float, tolerance: float) -> bool:
    """Whether a signature does not count yet, or does not any more."""
    return not lifetime.begins - tolerance <= now < lifetime.ends + tolerance


def lifetime_hint(lifetime: Lifetime, now: float, fits: bool) -> str:
    """The sentence about a token outside its lifetime; `fits` as in `drift_hint`."""
    proved = "its signature is right" if fits else "its signature does not match either"
    if now >= lifetime.ends:
        return (
            f"The token expired {now - lifetime.ends:.0f} s ago by this server's clock; {proved}. Either this clock "
            "is fast (synchronise it, NTP), or the delivery was held up or is a replay."
        )
    return (
        f"The token counts only from {lifetime.begins - now:.0f} s in the future on, by this server's clock; "
        f"{proved}. This clock is slow: synchronise it (NTP)."
    )


def drift_hint(scheme: SignatureScheme, age: float, now: float, tolerance: float, fits: bool) -> str:
    """The sentence about a timestamp outside the window.

    Args:
        age: Seconds since it was signed, negative in the future.
        now: Unix seconds of this server's clock.
        fits: Whether the signature itself is right.
    """
    proved = "the signature is right" if fits else "the signature does not match either"
    factor = {"s": 1 / 1000, "ms": 1000.0}.get(scheme.timestamp_unit)
    if factor is not None and abs(now - (now - age) * factor) <= max(tolerance, 1.0):
        sent, meant = (
            ("milliseconds", "seconds") if scheme.timestamp_unit == "s" else ("seconds", "milliseconds")
        )
        return f"The timestamp is in {sent}, {scheme.title} signs {meant}; {proved}. Correct the sender."
    if age >= 0:
        return (
            f"Signed {age:.0f} s ago by this server's clock, {tolerance:g} s are allowed; {proved}. Either "
            "this clock is fast (synchronise it, NTP), or the delivery was held up or is a replay."
        )
    return (
        f"Signed {-age:.0f} s in the future by this server's clock, {tolerance:g} s are allowed; "
        f"{proved}. This clock is slow: synchronise it (NTP)."
    )
