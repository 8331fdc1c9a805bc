"""`GET /api/problems`, `GET /api/problems/{id}` and `POST /api/problems/{id}`."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.http.body import UNREADABLE
from outworx_otel.server.api.parameters import check_names, cursor_of, json_answer, limit_of, refused, single
from outworx_otel.server.capabilities import BY_NAME
from outworx_otel.server.capability import MAX_WHOLE
from outworx_otel.server.filters import BadParameter
from outworx_otel.server.problems.problem import STATES, Problem, State
from outworx_otel.server.problems.problem_document import problem_document, problems_document
from outworx_otel.server.store import BadCursor, Store

_KNOWN: Final = BY_NAME["list_problems"].names("call")
_MAX_BODY: Final = 1024


class ProblemChange(msgspec.Struct):
    """What `POST /api/problems/{id}` is told."""

    state: State


_change: Final = msgspec.json.Decoder(ProblemChange)


def problem_routes(store: Store) -> list[BaseRoute]:
    """The calls about problems. The one that changes a state is for the purpose `admin`."""

    async def problems(request: Request) -> Response:
        params = request.query_params
        try:
            check_names(params, _KNOWN)
            wanted = {name: single(params, name).strip() or None for name in ("state", "service", "provider")}
            if wanted["state"] is not None and wanted["state"] not in STATES:
                return refused(f"state: must be one of {', '.join(STATES)}", "state")
            page = await run_in_threadpool(
                store.problems, **wanted, limit=limit_of(params), cursor=cursor_of(params)
            )
        except BadParameter as error:
            return refused(str(error), error.name)
        except BadCursor as error:
            return refused(str(error), "cursor")
        return json_answer(problems_document(page))

    async def problem(request: Request) -> Response:
        number = _number(request)
        return _answer(None if number is None else await run_in_threadpool(store.problem, number))

    async def change(request: Request) -> Response:
        number = _number(request)
        try:
            changed = _change.decode(await _body(request))
        except UNREADABLE:
            return json_answer({"error": f'the body must be {{"state": one of {", ".join(STATES)}}}'}, 400)
        if number is None:
            return _answer(None)
        return _answer(await run_in_threadpool(store.set_problem_state, number, changed.state))

    return [
        Route("/api/problems", problems),
        Route("/api/problems/{id}", problem),
        Route("/api/problems/{id}", change, methods=["POST"]),
    ]


def _number(request: Request) -> int | None:
    text: Any = request.path_params["id"]
    number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else 0
    return number if 0 < number <= MAX_WHOLE else None


async def _body(request: Request) -> bytes:
    body = b""
    try:
        async for part in request.stream():
            body += part
            if len(body) > _MAX_BODY:
                raise ValueError("too long")
    except ClientDisconnect:
        raise ValueError("ended early") from None
    return body


def _answer(problem: Problem | None) -> Response:
    if problem is None:
        return json_answer({"error": "there is no such problem"}, 404)
    return json_answer(problem_document(problem))
