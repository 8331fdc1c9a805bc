"""`outworx replay`: a delivery once more, with the provider's signature renewed."""

from __future__ import annotations

from typing import Annotated

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption


def replay(
    what: Annotated[
        str, typer.Argument(metavar="ID|FILE", help="A delivery's id at the server, or a file of --save.")
    ],
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="URL", help="Where to: 3000, or a URL. Without a path, the path it came to."
        ),
    ],
    provider: Annotated[
        str | None, typer.Option("--provider", help="Who sent it, where that cannot be seen.")
    ] = None,
    secret_env: Annotated[
        str | None,
        typer.Option("--secret-env", metavar="NAME", help="The environment variable that holds the secret."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", help="The secret itself. Your shell remembers it.")
    ] = None,
    public_url: Annotated[
        str | None,
        typer.Option(
            "--public-url",
            metavar="URL",
            help="What the application takes for its address, where it is signed.",
        ),
    ] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="Send another header. Repeatable."),
    ] = None,
    as_received: Annotated[
        bool, typer.Option("--as-received", help="Leave the signature as it came, with its old timestamp.")
    ] = False,
    curl: Annotated[
        bool, typer.Option("--curl", help="Print a curl command of a saved file instead of sending.")
    ] = False,
    endpoint: EndpointOption = LOCAL,
    api_key: KeyOption = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for an answer.")] = 30.0,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any TLS certificate.")] = False,
    ca_bundle: CaBundle = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Send a delivery once more: the bytes that were stored, signed anew.

    The message id stays, so that an endpoint with idempotency sees the same
    event again. The secret comes from outworx.toml, or from
    OUTWORX_SECRET_<PROVIDER>, never from the server; without one, it goes with
    the signature it came with. Exits with 0 if the answer was 2xx, else with 1.

    Examples:

    \b
      outworx replay 3f9a6c0de1b24785 --to 3000
      outworx replay 3f9a6c0de1b24785 --to 3000/webhooks/stripe
          --secret-env STRIPE_WEBHOOK_SECRET
      outworx replay saved/delivery.json --to http://localhost:3000
      outworx replay saved/delivery.json --to 3000 --curl
    """
    from outworx_otel.cli.replay.resend import ReplayOptions, run

    run(
        ReplayOptions(
            what=what,
            to=to,
            provider=provider,
            secrets=[secret] if secret is not None else [],
            secret_variables=[secret_env] if secret_env is not None else [],
            public_url=public_url,
            headers=headers or [],
            as_received=as_received,
            curl=curl,
            endpoint=endpoint,
            api_key=api_key or None,
            timeout=timeout,
            insecure=insecure,
            authorities=authorities(ca_bundle),
            as_json=as_json,
        )
    )
