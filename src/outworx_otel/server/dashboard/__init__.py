"""The pages: overview, list, delivery, export, login."""

from outworx_otel.server.dashboard.routes import routes

__all__ = ["routes"]
