"""The calls that read, in JSON."""

from outworx_otel.server.api.routes import routes

__all__ = ["routes"]
