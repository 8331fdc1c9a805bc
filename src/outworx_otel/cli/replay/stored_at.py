"""A stored delivery from a server, by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from outworx_otel.cli.server_calls import ServerCallFailed, call
from outworx_otel.cli.server_options import server_address
from outworx_otel.server.replay import Completeness, ReplayError, completeness

# A body of 10 MiB in base64, and the rest.
_MAX_ANSWER: Final = 32 * 1024 * 1024


def fetched(
    identity: str, endpoint: str, api_key: str | None, authorities: Sequence[tuple[str, str]] = ()
) -> Completeness:
    """What `GET /api/deliveries/{id}` of a server has.

    Args:
        identity: the delivery's id.
        endpoint: the server.
        api_key: its key, None for none.
        authorities: (option, file) pairs: certificates to trust in addition.

    Raises:
        ReplayError: the server is not there, does not have it, or does not give it with this key.
        ConfigurationError: the endpoint or the key cannot be used.
    """
    import msgspec

    base = server_address(endpoint)
    path = f"/api/deliveries/{quote(identity, safe='')}"
    try:
        reply = call("GET", path, endpoint, api_key, authorities, most=_MAX_ANSWER)
    except ServerCallFailed as error:
        raise ReplayError(str(error)) from error
    if reply.cut:
        raise ReplayError(f"{base} sends more than a delivery can be: is it an outworx server?")
    if reply.status == 404:
        raise ReplayError(f"{base} has no delivery {identity!r}, and there is no file of that name")
    if reply.status != 200:
        raise ReplayError(f"{base} answers {reply.status}")
    try:
        document: Any = msgspec.json.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ReplayError(f"{base} answers with something that is no delivery: is it an outworx server?")
    return completeness(document)
