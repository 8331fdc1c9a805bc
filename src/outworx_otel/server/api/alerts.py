"""`GET /api/alerts`: alerts, and what became of them at each channel."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.api.parameters import check_names, cursor_of, json_answer, limit_of, refused, single
from outworx_otel.server.filters import BadParameter
from outworx_otel.server.problems.sending import alert_document, sending_document
from outworx_otel.server.store import BadCursor, Store

_KNOWN: Final = ("state", "limit", "cursor")
_STATES: Final = ("raised", "ended")


def alert_routes(store: Store) -> list[BaseRoute]:
    """The call about alerts."""

    async def alerts(request: Request) -> Response:
        params = request.query_params
        try:
            check_names(params, _KNOWN)
            state = single(params, "state").strip() or None
            if state is not None and state not in _STATES:
                return refused(f"state: must be one of {', '.join(_STATES)}", "state")
            page = await run_in_threadpool(
                store.sendings.page, state=state, limit=limit_of(params), cursor=cursor_of(params)
            )
        except BadParameter as error:
            return refused(str(error), error.name)
        except BadCursor as error:
            return refused(str(error), "cursor")
        found = [
            {**alert_document(alert), "sendings": [sending_document(one) for one in sendings]}
            for alert, sendings in page.alerts
        ]
        return json_answer({"alerts": found, "next_cursor": page.next_cursor})

    return [Route("/api/alerts", alerts)]
