"""What several calls read out of a query, and how they answer."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.responses import Response

from outworx_otel.server.capability import DEFAULT_LIMIT, MAX_CURSOR, MAX_LIMIT, MAX_TEXT
from outworx_otel.server.filters import BadParameter
from outworx_otel.server.store import BadCursor
from outworx_otel.setup.options import unknown_name


class UnknownParameter(BadParameter):
    """A parameter that the call does not have; the message names the nearest."""

    def __init__(self, name: str, known: tuple[str, ...]) -> None:
        super().__init__(name, "")
        self.message = unknown_name("parameter", name, known)

    def __str__(self) -> str:
        return self.message


def check_names(params: QueryParams, known: tuple[str, ...]) -> None:
    """Returns where the call has every parameter that is given.

    Raises:
        UnknownParameter: it has not.
    """
    for name in params:
        if name not in known:
            raise UnknownParameter(name[:100], known)


def single(params: QueryParams, name: str) -> str:
    """A parameter's text, empty where it is not given.

    Raises:
        BadParameter: it is given more than once, or no column can hold it.
    """
    given = params.getlist(name)
    if len(given) > 1:
        raise BadParameter(name, "is given more than once")
    text = given[0] if given else ""
    if len(text) > MAX_TEXT:
        raise BadParameter(name, f"is longer than {MAX_TEXT} characters")
    if "\0" in text:
        raise BadParameter(name, "contains a NUL character")
    return text


def limit_of(params: QueryParams) -> int:
    """How many are asked for.

    Raises:
        BadParameter: no such number is possible.
    """
    text = single(params, "limit")
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= MAX_LIMIT):
        raise BadParameter("limit", f"must be a number from 1 to {MAX_LIMIT}")
    return int(text)


def flag_of(params: QueryParams, name: str) -> bool:
    """Whether it is asked for.

    Raises:
        BadParameter: it is neither `true` nor `false`.
    """
    text = single(params, name)
    if text not in ("", "true", "false"):
        raise BadParameter(name, "must be true or false")
    return text == "true"


def cursor_of(params: QueryParams) -> str | None:
    """Where the page begins.

    Raises:
        BadCursor: nowhere.
    """
    cursor = params.get("cursor", "")
    if len(params.getlist("cursor")) > 1:
        raise BadParameter("cursor", "is given more than once")
    if len(cursor) > MAX_CURSOR or "\0" in cursor:
        raise BadCursor
    return cursor or None


def refused(message: str, parameter: str) -> Response:
    """Answers 400."""
    return json_answer({"error": message, "parameter": parameter}, 400)


def json_answer(document: Any, status: int = 200) -> Response:
    """Answers in JSON."""
    return Response(msgspec.json.encode(document), status, media_type="application/json")
