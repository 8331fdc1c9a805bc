"""A stored delivery from a server, by its id."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed
from outworx_otel.server.replay import ReplayError

# A body of 10 MiB in base64, and the rest.
_MAX_ANSWER: Final = 32 * 1024 * 1024


def fetched(server: OutworxServer, identity: str) -> dict[str, Any] | None:
    """What `GET /api/deliveries/{id}` of a server has; None where it has no such delivery.

    Args:
        server: that is asked.
        identity: the delivery's id.

    Raises:
        ReplayError: the server is not there, or does not give it with this key.
    """
    try:
        document = server.read(f"/api/deliveries/{quote(identity, safe='')}", most=_MAX_ANSWER)
    except ServerCallFailed as error:
        raise ReplayError(str(error)) from error
    if document is not None and not isinstance(document, dict):
        raise ReplayError(
            f"{server.address} answers with something that is no delivery: is it an outworx server?"
        )
    return document
