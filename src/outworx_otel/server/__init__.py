"""`outworx serve`: ingest, store, dashboard and tunnel in one process."""

from outworx_otel.server.app import create_app
from outworx_otel.server.serving import serve
from outworx_otel.server.settings import Settings

__all__ = ["Settings", "create_app", "serve"]
