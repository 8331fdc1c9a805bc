"""Access control: keys, sessions, hosts, origins, and the security headers of pages."""

from outworx_otel.server.access.access import Access
from outworx_otel.server.access.access_guard import RefusalPage
from outworx_otel.server.access.sessions import COOKIE

__all__ = ["COOKIE", "Access", "RefusalPage"]
