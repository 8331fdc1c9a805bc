"""`GET /api/alerts`: alerts, and what became of them at each channel."""

from __future__ import annotations

from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from outworx_otel.server.api.parameters import check_names, cursor_of, json_answer, limit_of, refused, single
from outworx_otel.server.capabilities import BY_NAME
from outworx_otel.server.filters import BadParameter
from outworx_otel.server.problems.alert_document import alerts_document
from outworx_otel.server.store import BadCursor, Store

_KNOWN: Final = BY_NAME["list_alerts"].names("call")
_STATES: Final = BY_NAME["list_alerts"].of("call")[0].choices


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
        return json_answer(alerts_document(page))

    return [Route("/api/alerts", alerts)]
