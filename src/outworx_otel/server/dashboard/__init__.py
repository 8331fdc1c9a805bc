"""The pages: overview, list, delivery, export, login."""

from outworx_otel.server.dashboard.bulk_replay import ReplayRuns
from outworx_otel.server.dashboard.routes import error_handlers, refusal_page, routes

__all__ = ["ReplayRuns", "error_handlers", "refusal_page", "routes"]
