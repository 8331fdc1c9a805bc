"""Turns query parameters into a `Filter`, and explains those that are wrong."""

from __future__ import annotations

import datetime
import math
import re
import time
from collections.abc import Callable
from typing import Any, Final

from starlette.datastructures import QueryParams

from outworx_otel.server.capability import MAX_TEXT, MAX_VALUES
from outworx_otel.server.fields import FILTERED
from outworx_otel.server.model import Filter, Wanted
from outworx_otel.telemetry.outcomes import OUTCOMES

_SINGLE: Final = ("problem", "unverified", "since", "until", "q")
PARAMETERS: Final = (*FILTERED, *_SINGLE)
"""What `filter_of` reads; everything else is the caller's."""

_AGO: Final = re.compile(r"-(\d{1,6}(?:\.\d{1,6})?)([smhdw])")
_UNIT_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNIX: Final = re.compile(r"\d{1,11}(?:\.\d{1,9})?")
# `+` in a query is a space.
_LOST_PLUS: Final = re.compile(r"(T\d\d:\d\d\S*) (\d\d:?\d\d)$", re.IGNORECASE)
_MAX_NUMBER: Final = 2**31
_MAX_NS: Final = 2**63 - 1


class BadParameter(ValueError):
    """A parameter that cannot be used.

    Args:
        name: the parameter's.
        message: what is wrong, and what it may be.
    """

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message


def filter_of(params: QueryParams, clock: Callable[[], float] = time.time) -> Filter:
    """Returns the filter of the query parameters. Empty ones, as a form sends them, are ignored.

    A field's parameter may be repeated: any of its values will do. Outcomes may also stand in one, with commas.
    `since` and `until` are ISO 8601 (UTC where no offset is given), Unix seconds, or so long ago: `-24h`, `-7d`.

    Args:
        params: of the request; others than `PARAMETERS` are not looked at.
        clock: Unix seconds.

    Raises:
        BadParameter: one of them makes no sense.
    """
    texts = {name: text for name in _SINGLE if (text := _text(params, name))}
    chosen: dict[str, Any] = {name: _one_or_several(values_of(params, name)) for name in FILTERED}
    if any(outcome not in OUTCOMES for outcome in values_of(params, "outcome")):
        raise BadParameter("outcome", f"must be one of {', '.join(OUTCOMES)}, or several of them")
    problem = texts.get("problem", "")
    if problem and not (problem.isascii() and problem.isdecimal() and 0 < int(problem[:11]) < _MAX_NUMBER):
        raise BadParameter("problem", "must be the number of a problem")
    if texts.get("unverified", "true") != "true":
        raise BadParameter("unverified", "must be true, or left out")
    since, until = (
        _moment(name, texts[name], clock()) if name in texts else None for name in ("since", "until")
    )
    if since is not None and until is not None and until < since:
        raise BadParameter("until", "is before since")
    return Filter(
        **chosen,
        since=since,
        until=until,
        search=texts.get("q"),
        problem=int(problem) if problem else None,
        unverified="unverified" in texts,
    )


def values_of(params: QueryParams, name: str) -> tuple[str, ...]:
    """Returns the values that are asked for of a field, each once; what is empty is none.

    Raises:
        BadParameter: there are too many, or one of them is none.
    """
    given = params.getlist(name)
    if name == "outcome":
        # No outcome has a comma; a route or an event type may.
        given = [one for text in given for one in text.split(",")]
    values = tuple(dict.fromkeys(text for one in given if (text := _checked(name, one))))
    if len(values) > MAX_VALUES:
        raise BadParameter(name, f"has more than {MAX_VALUES} values")
    return values


def _one_or_several(values: tuple[str, ...]) -> Wanted:
    return values if len(values) > 1 else values[0] if values else None


def _text(params: QueryParams, name: str) -> str:
    given = params.getlist(name)
    if len(given) > 1:
        raise BadParameter(name, "is given more than once")
    return _checked(name, given[0]) if given else ""


def _checked(name: str, given: str) -> str:
    text = given.strip()
    if len(text) > MAX_TEXT:
        raise BadParameter(name, f"is longer than {MAX_TEXT} characters")
    # PostgreSQL has no NUL in text.
    if "\0" in text:
        raise BadParameter(name, "contains a NUL character")
    return text


def _moment(name: str, text: str, now: float) -> int:
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return _nanoseconds(name, now - float(ago[1]) * _UNIT_SECONDS[ago[2]])
    if _UNIX.fullmatch(text):
        return _nanoseconds(name, float(text))
    try:
        # Python 3.10 knows no Z.
        moment = datetime.datetime.fromisoformat(_LOST_PLUS.sub(r"\1+\2", text).replace("Z", "+00:00"))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.timezone.utc)
        seconds = moment.timestamp()
    except (ValueError, OverflowError):
        raise BadParameter(
            name, "must be a time such as 2026-11-07T16:18:42Z, Unix seconds, or so long ago: -24h, -7d"
        ) from None
    return _nanoseconds(name, seconds)


def _nanoseconds(name: str, seconds: float) -> int:
    if not math.isfinite(seconds):
        raise BadParameter(name, "is no time")
    return max(0, min(round(seconds * 1e9), _MAX_NS))
