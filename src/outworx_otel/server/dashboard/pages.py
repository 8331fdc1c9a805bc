"""Loads the templates once and renders pages."""

from __future__ import annotations

import time
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape
from starlette.requests import Request
from starlette.responses import HTMLResponse

from outworx_otel.server import formatting
from outworx_otel.server.access import Access
from outworx_otel.server.dashboard import page_addresses
from outworx_otel.server.dashboard.assets import version_of
from outworx_otel.server.dashboard.escaping import breakable, shown
from outworx_otel.server.explaining import codes
from outworx_otel.server.explaining.whys import why_of
from outworx_otel.server.settings import Settings
from outworx_otel.version import __version__

THEME_COOKIE: Final = "outworx_theme"
MAX_STACK: Final = 20_000
_THEMES: Final = ("light", "dark")
_HERE: Final = Path(__file__).parent


class Pages:
    """Renders templates.

    Args:
        settings: what the page's examples tell of this server.
        access: gives forms their CSRF tokens.
        not_kept: see `Store.not_kept`.
    """

    def __init__(self, settings: Settings, access: Access, not_kept: str | None = None) -> None:
        self._settings = settings
        self._access = access
        self._environment = Environment(
            loader=PackageLoader("outworx_otel.server.dashboard"),
            autoescape=True,
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            finalize=shown,
        )
        self._environment.filters.update(
            breakable=breakable,
            ago=lambda time_ns: formatting.ago(time_ns, time.time_ns()),
            about=formatting.about,
            brief=formatting.brief,
            clock=formatting.clock,
            duration=formatting.duration,
            iso=formatting.iso,
            long=lambda text: escape(formatting.visible(formatting.short(text, MAX_STACK))),
            number=formatting.number,
            percent=formatting.percent,
            picked=formatting.picked,
            plain=formatting.plain,
            short=formatting.short,
            size=formatting.size,
        )
        self._environment.globals.update(
            address=page_addresses.address,
            advice=codes.advice_for,
            heartbeat=settings.heartbeat_seconds,
            not_kept=not_kept,
            CAUSES=codes.CAUSES,
            IDEMPOTENCY=codes.IDEMPOTENCY,
            KINDS=codes.KINDS,
            OUTCOME_LABELS={outcome: kind.label for outcome, kind in codes.KINDS.items()},
            REASONS=codes.REASONS,
            why_of=why_of,
            span_of=formatting.span,
            ranges=page_addresses.RANGES,
            static=f"/static/{version_of(_HERE / 'static')}",
            version=__version__,
        )

    def render(self, request: Request, template: str, status: int = 200, **context: Any) -> HTMLResponse:
        """A whole page; no cache keeps it."""
        theme = request.cookies.get(THEME_COOKIE, "")
        text = self._environment.get_template(template).render(
            **context,
            path=request.url.path,
            theme=theme if theme in _THEMES else "",
            needs_login=self._access.needs_login,
            # Every form of a page has the same one.
            csrf_token=cache(partial(self._access.csrf_token, request)),
        )
        return HTMLResponse(text, status, {"cache-control": "no-store"})

    def fragment(self, template: str, **context: Any) -> str:
        """A part of a page."""
        return self._environment.get_template(template).render(**context)

    def own_address(self, request: Request) -> str:
        """Returns the address by which applications reach this server, for the lines to copy."""
        return (self._settings.public_url or str(request.base_url)).rstrip("/")
