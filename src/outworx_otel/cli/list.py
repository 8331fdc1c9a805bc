"""`outworx list`: the newest deliveries of a server."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import say, say_json
from outworx_otel.cli.delivery_filters import DeliveryFilters, deliveries, takes_filters
from outworx_otel.cli.delivery_rows import Rows
from outworx_otel.cli.server_calls import server_for
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption

_MOST: Final = 10_000


@takes_filters()
def list_deliveries(
    filters: DeliveryFilters,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=_MOST, help="So many at most, the newest.")
    ] = 20,
    endpoint: EndpointOption = LOCAL,
    api_key: KeyOption = "",
    ca_bundle: CaBundle = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object for each delivery, as the server gives it.")
    ] = False,
) -> None:
    """List the newest deliveries of a server, and say of each why it ended so.

    Times are those of this machine's zone. Where the server asks for keys it
    needs one for read.

    Examples:

    \b
      outworx list
      outworx list --outcome error --outcome failed --since 3h
      outworx list --provider stripe --search evt_1Q2w3E --json
    """
    with server_for("list", endpoint, api_key or None, authorities(ca_bundle)) as server:
        found = deliveries(server, filters, limit)
        if as_json:
            for one in found:
                say_json(one)
            return
        rows = list(found)
    if not rows:
        say(f"No delivery{' is like this' if filters.asked else ' yet'}.", err=True)
    Rows().print(rows)
