"""`outworx tail`: what arrives at a server from now on."""

from __future__ import annotations

from typing import Annotated

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import say
from outworx_otel.cli.delivery_filters import DeliveryFilters, takes_filters
from outworx_otel.cli.server_calls import server_for
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption


@takes_filters("since", "until")
def tail(
    filters: DeliveryFilters,
    endpoint: EndpointOption = LOCAL,
    api_key: KeyOption = "",
    ca_bundle: CaBundle = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each delivery, as the server gives it.")
    ] = False,
) -> None:
    """Show deliveries as they arrive at a server, until Ctrl+C.

    Each is there a second after the server has it, and says why it ended so.
    What is reported more than 15 minutes after it happened is not: see
    `outworx list`. A server that goes away is waited for, and that is said.

    Examples:

    \b
      outworx tail
      outworx tail --outcome error --outcome failed --outcome silent_drop
      outworx tail --provider stripe --json | jq .why
    """
    from outworx_otel.cli.tail.following import follow

    try:
        with server_for("tail", endpoint, api_key or None, authorities(ca_bundle)) as server:
            follow(server, filters, as_json=as_json)
    except KeyboardInterrupt:
        say("", err=True)
