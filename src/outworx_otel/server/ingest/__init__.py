"""What applications send: OTLP, the older JSON batch, and the calls of the older SDK."""

from outworx_otel.server.ingest.decoders import Decoders
from outworx_otel.server.ingest.routes import routes
from outworx_otel.server.ingest.waiting_spans import WaitingSpans

__all__ = ["Decoders", "WaitingSpans", "routes"]
