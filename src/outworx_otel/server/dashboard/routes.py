"""The dashboard's addresses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from starlette.routing import BaseRoute, Mount, Route

from outworx_otel.server.access import Access, RefusalPage
from outworx_otel.server.dashboard.alerts_page import AlertsPage
from outworx_otel.server.dashboard.assets import Assets
from outworx_otel.server.dashboard.bulk_replay import ReplayRuns
from outworx_otel.server.dashboard.delivery_page import DeliveryPage
from outworx_otel.server.dashboard.error_pages import Handler, View, as_page, for_browsers
from outworx_otel.server.dashboard.error_pages import refusal_page as made_refusal_page
from outworx_otel.server.dashboard.exports import Export
from outworx_otel.server.dashboard.list_page import ListPage
from outworx_otel.server.dashboard.login_page import LoginPage
from outworx_otel.server.dashboard.overview_page import OverviewPage
from outworx_otel.server.dashboard.pages import Pages
from outworx_otel.server.dashboard.replay_page import ReplayPage
from outworx_otel.server.dashboard.stream import LiveStream
from outworx_otel.server.live import Live
from outworx_otel.server.settings import Settings
from outworx_otel.server.store import Store

_STATIC: Final = Path(__file__).parent / "static"


def error_handlers(settings: Settings, access: Access, handlers: Mapping[Any, Handler]) -> dict[Any, Handler]:
    """The server's answers to what goes wrong, as pages for browsers."""
    return for_browsers(Pages(settings, access), handlers)


def refusal_page(settings: Settings, access: Access) -> RefusalPage:
    """The access guard's answers to browsers."""
    return made_refusal_page(Pages(settings, access))


def routes(settings: Settings, store: Store, live: Live, access: Access, runs: ReplayRuns) -> list[BaseRoute]:
    """Pages, exports, the live stream, and the files that pages need."""
    pages = Pages(settings, access, store.not_kept)
    overview = OverviewPage(store, pages, access)
    delivery = DeliveryPage(store, pages, access, runs)
    login = LoginPage(pages, access)
    replay = ReplayPage(store, pages, access, runs)

    def page(path: str, view: View, *methods: str) -> Route:
        return Route(path, as_page(pages, view), methods=methods or ("GET",))

    return [
        page("/", overview.show),
        page("/alerts", AlertsPage(store, pages).show),
        page("/deliveries", ListPage(store, pages).show),
        Route("/deliveries.json", Export(store, "json").send),
        Route("/deliveries.csv", Export(store, "csv").send),
        page("/deliveries/{id}", delivery.show),
        page("/deliveries/{id}/replay", delivery.replay, "POST"),
        page("/deliveries/{id}/{which}-body", delivery.body),
        Route("/live", LiveStream(live, pages, settings.heartbeat_seconds).open),
        page("/problems/{id}", overview.change_problem, "POST"),
        page("/replay", replay.show),
        page("/replay", replay.begin, "POST"),
        page("/replays/{id}", replay.show_run),
        page("/replays/{id}", replay.stop_run, "POST"),
        page("/login", login.show),
        page("/login", login.log_in, "POST"),
        page("/logout", login.log_out, "POST"),
        Mount("/static/{version}", Assets(directory=_STATIC)),
    ]
