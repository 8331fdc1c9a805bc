"""A stored delivery from a server, by its id."""

from __future__ import annotations

from typing import Any

from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed
from outworx_otel.server.replay import ReplayError


def fetched(server: OutworxServer, identity: str) -> dict[str, Any] | None:
    """What `GET /api/deliveries/{id}` of a server has; None where it has no such delivery.

    Args:
        server: that is asked.
        identity: the delivery's id.

    Raises:
        ReplayError: the server is not there, or does not give it with this key.
    """
    try:
        return server.delivery(identity)
    except ServerCallFailed as error:
        raise ReplayError(str(error)) from error
