"""`DELETE /api/deliveries/{id}` and `DELETE /api/deliveries`: what a person asks to have removed, everywhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Annotated, Any, Final

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.capabilities import BY_NAME
from outworx_otel.server.described import says
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.store import Erased, Erasure, Store
from outworx_otel.setup.options import unknown_name

SECONDS: Final = 5.0
"""That one call goes on removing; who called asks again where there is more."""

_KNOWN: Final = BY_NAME["remove_deliveries"].names("call")
_MAX_TEXT: Final = 512


class RemovedDocument(msgspec.Struct):
    """What was removed, and what may be left."""

    deliveries: Annotated[int, says("How many went.")]
    spans: Annotated[int, says("Other spans of their traces, and deferred work.")]
    keys: Annotated[int, says("Idempotency records with their answers: a retry of such an event runs again.")]
    more: Annotated[bool, says("Whether there is more to remove: send the call again.")]
    note: Annotated[str | None, says("What may be left on the disk, and what to do about it.")]


class CountedDocument(msgspec.Struct, frozen=True):
    """What would be removed."""

    deliveries: int
    dry_run: Annotated[bool, says("Always true here.")]


def routes(store: Store, forget: Callable[[Erased], None]) -> list[BaseRoute]:
    """The calls that delete.

    Args:
        forget: told on the event loop of what went, for what is held in memory.
    """

    async def one(request: Request) -> Response:
        done = await _erased(store, Erasure(id=request.path_params["id"]), forget)
        if not done.deliveries:
            return _json({"error": "there is no such delivery: it may have been removed before"}, 404)
        return _json(done)

    async def several(request: Request) -> Response:
        try:
            which, dry_run = _asked(request.query_params)
        except BadParameter as error:
            return _json({"error": str(error), "parameter": error.name}, 400)
        if dry_run:
            return _json(CountedDocument(await run_in_threadpool(store.erasable, which), True))
        return _json(await _erased(store, which, forget))

    return [
        Route("/api/deliveries", several, methods=["DELETE"]),
        Route("/api/deliveries/{id}", one, methods=["DELETE"]),
    ]


async def _erased(store: Store, which: Erasure, forget: Callable[[Erased], None]) -> RemovedDocument:
    """Removes for some seconds; what the answer says."""
    done = RemovedDocument(0, 0, 0, True, None)
    until = time.monotonic() + SECONDS
    while done.more and time.monotonic() < until:
        # Who hangs up stops what would come next, not what is under way.
        erased = await asyncio.shield(asyncio.wrap_future(store.erase(which)))
        forget(erased)
        done.deliveries += len(erased.ids)
        done.spans += erased.spans
        done.keys += erased.keys
        done.more = erased.more
    if not done.more and (done.deliveries or done.keys):
        done.note = await asyncio.shield(asyncio.wrap_future(store.overwrite()))
    return done


def _asked(params: QueryParams) -> tuple[Erasure, bool]:
    for name in params:
        if name not in _KNOWN:
            raise BadParameter(name[:100], unknown_name("parameter", name[:100], _KNOWN))
    texts = {name: _single(params, name) for name in _KNOWN}
    if texts["dry_run"] not in ("", "true", "false"):
        raise BadParameter("dry_run", "must be true or false")
    if bool(texts["event_id"]) == bool(texts["before"]):
        raise BadParameter("event_id", "give either event_id or before")
    if texts["before"] and texts["provider"]:
        raise BadParameter("provider", "goes with event_id")
    if texts["before"]:
        which = Erasure(before=_moment(texts["before"]))
    else:
        which = Erasure(event_id=texts["event_id"], provider=texts["provider"] or None)
    return which, texts["dry_run"] == "true"


def _moment(text: str) -> int:
    try:
        moment = filter_of(QueryParams([("until", text)])).until
    except BadParameter as error:
        raise BadParameter("before", error.message) from None
    assert moment is not None
    return moment


def _single(params: QueryParams, name: str) -> str:
    given = params.getlist(name)
    if len(given) > 1:
        raise BadParameter(name, "is given more than once")
    text = given[0] if given else ""
    if len(text) > _MAX_TEXT or "\0" in text:
        raise BadParameter(name, f"must be up to {_MAX_TEXT} characters, and none of them NUL")
    return text


def _json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")
