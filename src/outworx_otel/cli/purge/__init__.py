"""`outworx purge`: removes what a server keeps of an event, or of everything before a time."""

from __future__ import annotations

from typing import Annotated

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption


def purge(
    event_id: Annotated[
        str | None, typer.Option("--event-id", metavar="ID", help="Every delivery of this event.")
    ] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="Whose event, where two providers have the same id.")
    ] = None,
    before: Annotated[
        str | None,
        typer.Option(
            "--before",
            metavar="TIME",
            help="Every delivery before it: 2026-11-01, 2026-11-01T12:00:00Z, or so long ago: -30d, -12h.",
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say how many, and remove nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    endpoint: EndpointOption = LOCAL,
    api_key: KeyOption = "",
    ca_bundle: CaBundle = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Remove deliveries from a server, with everything that it keeps of them.

    That is: the deliveries, their bodies, the other spans of their traces,
    deferred work, and the answers under their idempotency keys, so that a
    retry of such an event runs again. Figures stay. Where the server asks for
    keys it needs one for admin. Exits with 0 once all of it is gone.

    Examples:

    \b
      outworx purge --event-id evt_1Q2w3E --dry-run
      outworx purge --event-id evt_1Q2w3E --provider stripe
      outworx purge --before -90d --yes
    """
    from outworx_otel.cli.purge.removal import PurgeOptions, run

    run(
        PurgeOptions(
            event_id=event_id,
            provider=provider,
            before=before,
            dry_run=dry_run,
            yes=yes,
            endpoint=endpoint,
            api_key=api_key or None,
            authorities=authorities(ca_bundle),
            as_json=as_json,
        )
    )
