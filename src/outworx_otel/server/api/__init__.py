"""The calls that read and delete, in JSON."""

from outworx_otel.server.api.routes import routes

__all__ = ["routes"]
