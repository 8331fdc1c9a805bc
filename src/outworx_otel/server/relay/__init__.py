"""The tunnel's relay: public URLs whose requests are answered by a developer's own machine."""

from __future__ import annotations

from starlette.routing import BaseRoute, Route

from outworx_otel.server.relay.calls import Calls, answering
from outworx_otel.server.relay.ingress import Ingress
from outworx_otel.server.relay.limits import RelayLimits
from outworx_otel.server.relay.relay import Relay

__all__ = ["Relay", "RelayLimits", "ingress_routes", "routes", "session_routes"]


def session_routes(relay: Relay) -> list[BaseRoute]:
    """The calls of clients. Who may make them is decided before they are reached."""
    calls = Calls(relay)
    return [
        Route("/api/forward/sessions", answering(calls.open), methods=["POST"]),
        Route("/api/forward/poll", answering(calls.poll), methods=["GET"]),
        Route("/api/forward/responses", answering(calls.respond), methods=["POST"]),
        Route("/api/forward/sessions/{id}", answering(calls.end), methods=["DELETE"]),
    ]


def ingress_routes(relay: Relay) -> list[BaseRoute]:
    """The public URLs, by any method."""
    ingress = Ingress(relay)
    return [Route("/t/{slug}", ingress), Route("/t/{slug}/{path:path}", ingress)]


def routes(relay: Relay) -> list[BaseRoute]:
    """Both, for one application."""
    return [*session_routes(relay), *ingress_routes(relay)]
