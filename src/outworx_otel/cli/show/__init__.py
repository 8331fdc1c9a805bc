"""`outworx show`: everything that a server knows of one delivery."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import say_json
from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed, server_for
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption
from outworx_otel.errors import ConfigurationError

# What the server takes for the beginning of an id.
_SHORTEST_BEGINNING: Final = 4


def show(
    identity: Annotated[str, typer.Argument(metavar="ID", help="The delivery's id, or how it begins.")],
    endpoint: EndpointOption = LOCAL,
    api_key: KeyOption = "",
    ca_bundle: CaBundle = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, as the server gives it.")] = False,
) -> None:
    """Show everything that a server knows of one delivery.

    That is: what happened, why, and what to do about it; how far it got; its
    exception, headers and bodies; and the other deliveries of its event. What
    a terminal would obey is shown as text.

    Examples:

    \b
      outworx show 8c3f6a1d20b94e57a1d2c3b4e5f60718
      outworx show 8c3f6a1d20b9
      outworx show 8c3f6a1d20b9 --json
    """
    from outworx_otel.cli.show.whole_delivery import print_whole

    with server_for("show", endpoint, api_key or None, authorities(ca_bundle)) as server:
        found = _found(server, identity)
    if as_json:
        say_json(found)
    else:
        print_whole(found)


def _found(server: OutworxServer, identity: str) -> dict[str, Any]:
    """Returns the delivery of an id, or of the beginning of one that no other has."""
    document = _read(server, identity)
    if document is None and len(identity) >= _SHORTEST_BEGINNING:
        page = server.read(f"/api/deliveries?{urlencode({'q': identity, 'limit': 50})}")
        listed = page.get("deliveries", []) if isinstance(page, dict) else []
        ids = [str(one["id"]) for one in listed if str(one.get("id")).startswith(identity)]
        if len(ids) > 1:
            raise ConfigurationError(
                f"the ids of {len(ids)} deliveries begin with {identity}: give more of it"
            )
        document = _read(server, ids[0]) if ids else None
    if document is None:
        raise ServerCallFailed(
            f"{server.address} has no delivery {identity!r}: it may have been removed by its age"
        )
    return document


def _read(server: OutworxServer, identity: str) -> dict[str, Any] | None:
    document = server.delivery(identity)
    if document is not None and "id" not in document:
        raise server.no_delivery()
    return document
