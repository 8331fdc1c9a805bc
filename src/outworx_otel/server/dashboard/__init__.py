"""The pages: overview, list, delivery, export, login."""

from outworx_otel.server.dashboard.routes import error_handlers, routes

__all__ = ["error_handlers", "routes"]
