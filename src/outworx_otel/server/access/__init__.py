"""Who may do what: keys, sessions, hosts, origins, and the headers that keep pages safe."""

from outworx_otel.server.access.access import Access
from outworx_otel.server.access.sessions import COOKIE

__all__ = ["COOKIE", "Access"]
