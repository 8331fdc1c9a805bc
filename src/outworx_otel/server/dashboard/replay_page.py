"""`/replay`: a dry run of what is still unhandled of a filter; `/replays/{id}`: what became of each event."""

from __future__ import annotations

from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from outworx_otel.server.access import Access
from outworx_otel.server.dashboard.bulk_replay import (
    MAX_EVENTS,
    ReplayRun,
    ReplayRuns,
    ResultLine,
    Unhandled,
    target_problem,
)
from outworx_otel.server.dashboard.page_addresses import LABELS, address, chips_of, wanted_of
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.dashboard.replay_button import DEFAULT_TARGET, MAX_TARGET, host_of
from outworx_otel.server.filters import BadParameter, filter_of
from outworx_otel.server.purposes import Purpose
from outworx_otel.server.replay import Fate
from outworx_otel.server.store import Store

_TARGET: Final = "to"


class _DryRun(NamedTuple):
    """What a dry run finds.

    Args:
        target_problem: why nothing can be sent to the target, None where it can.
        ready: what would be sent.
        not_sent: what cannot be.
        more: whether there may be more events than are looked at.
        host: that the newest of them came for.
    """

    target_problem: str | None
    ready: list[ResultLine]
    not_sent: list[ResultLine]
    more: bool
    host: str


class ReplayPage:
    """The views.

    Args:
        store: what is looked through.
        pages: renders.
        access: checks the form, and says who may replay.
        runs: those of this server.
    """

    def __init__(self, store: Store, pages: Pages, access: Access, runs: ReplayRuns) -> None:
        self._store = store
        self._pages = pages
        self._access = access
        self._runs = runs

    async def show(self, request: Request) -> Response:
        """`?problem=3&…&to=`: which events would be sent, and which cannot be; nothing is sent."""
        target = _target(request.query_params.get(_TARGET))
        wanted = wanted_of(request.query_params)
        looked = await run_in_threadpool(self._dry_run, self._unhandled(request), target)
        return self._pages.render(
            request,
            "replay.html",
            wanted=wanted,
            chips=chips_of(wanted),
            target=target,
            looked=looked,
            most=MAX_EVENTS,
            may_replay=Purpose.ADMIN in self._access.purposes(request),
            under_way=self._runs.under_way,
        )

    async def begin(self, request: Request) -> Response:
        """POST the form's `to`, with the filter in the address; then to the run's page."""
        form = await self._access.form(request)
        target = _target(form.get(_TARGET))
        unhandled = self._unhandled(request)
        again = address("/replay", {**wanted_of(request.query_params), _TARGET: target})
        if await run_in_threadpool(target_problem, target) is not None:
            return RedirectResponse(again, 303)
        events, _ = await run_in_threadpool(unhandled.chosen)
        run = ReplayRun(events, target, again)
        began = self._runs.begin(run, unhandled)
        return RedirectResponse(f"/replays/{run.id}" if began else again, 303)

    async def show_run(self, request: Request) -> Response:
        """GET: how far it has come."""
        run = self._found(request)
        return self._pages.render(request, "replay_run.html", run=run, lines=run.lines[:], Fate=Fate)

    async def stop_run(self, request: Request) -> Response:
        """POST: it stops after the event that it sends now."""
        await self._access.form(request)
        run = self._found(request)
        run.stopping.set()
        return RedirectResponse(f"/replays/{run.id}", 303)

    def _found(self, request: Request) -> ReplayRun:
        run = self._runs.find(request.path_params["id"])
        if run is None:
            raise HTTPException(
                404, "This replay is not known here: the server was restarted since, or others came after it."
            )
        return run

    def _unhandled(self, request: Request) -> Unhandled:
        try:
            return Unhandled(self._store, filter_of(request.query_params))
        except BadParameter as bad:
            raise HTTPException(400, f"{LABELS.get(bad.name, bad.name)}: {bad.message}") from None

    def _dry_run(self, unhandled: Unhandled, target: str) -> _DryRun:
        problem = target_problem(target)
        events, more = unhandled.chosen()
        resending = unhandled.resending(DEFAULT_TARGET if problem else target, None)
        lines = [ResultLine.of(result) for result in resending.each(events)]
        ready = [line for line in lines if line.fate is Fate.READY]
        newest = self._store.delivery(ready[-1].delivery) if ready else None
        return _DryRun(
            problem,
            ready,
            [line for line in lines if line.fate is Fate.IMPOSSIBLE],
            more,
            "" if newest is None else host_of(newest),
        )


def _target(given: object) -> str:
    return (given if isinstance(given, str) else "").strip()[:MAX_TARGET] or DEFAULT_TARGET
