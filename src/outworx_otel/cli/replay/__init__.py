"""`outworx replay`: a delivery once more, or many, with the provider's signature renewed."""

from __future__ import annotations

from typing import Annotated

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import usage
from outworx_otel.cli.delivery_filters import DeliveryFilters, takes_filters
from outworx_otel.cli.server_options import LOCAL, EndpointOption, KeyOption

_PROVIDER = "Who sent them; of a single one, who sent it, where that cannot be seen."


@takes_filters(provider=_PROVIDER)
def replay(
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="URL", help="Where to: 3000, or a URL. Without a path, the path it came to."
        ),
    ],
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="ID|FILE", help="A delivery's id at the server, or a file of --save; none for many."
        ),
    ] = None,
    filters: DeliveryFilters = DeliveryFilters(),  # noqa: B008  # it does not change
    unhandled: Annotated[
        bool,
        typer.Option(
            "--unhandled",
            help="Of events that went wrong and were not handled since.",
            rich_help_panel="Which deliveries",
        ),
    ] = False,
    limit: Annotated[
        int,
        typer.Option(
            "--limit",
            min=1,
            max=1000,
            help="Events at most, the newest.",
            rich_help_panel="Which deliveries",
        ),
    ] = 100,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say which events would be sent, and which cannot be; send nothing."),
    ] = False,
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
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object; of many, one for each and one for all.")
    ] = False,
) -> None:
    """Send a delivery once more, or many: the bytes that were stored, signed anew.

    The message id stays, so that an endpoint with idempotency sees the same
    event again. The secret comes from outworx.toml, or from
    OUTWORX_SECRET_<PROVIDER>, never from the server; a single one goes without
    it with the signature it came with. Exits with 0 if the answer was 2xx.

    Of many, each event is sent once, in the order in which they came: the
    newest attempt that is stored whole and proved genuine. Exits with 0 if
    every one was answered with 2xx, or handled meanwhile.

    Examples:

    \b
      outworx replay 3f9a6c0de1b24785 --to 3000
      outworx replay 3f9a6c0de1b24785 --to 3000/webhooks/stripe
          --secret-env STRIPE_WEBHOOK_SECRET
      outworx replay saved/delivery.json --to http://localhost:3000
      outworx replay saved/delivery.json --to 3000 --curl
      outworx replay --outcome error --since 3h --to 3000 --dry-run
      outworx replay --problem 3 --unhandled --to 3000
    """
    from outworx_otel.cli.replay.many import run_many
    from outworx_otel.cli.replay.preparing import ReplayOptions
    from outworx_otel.cli.replay.resend import run

    wish = ReplayOptions(
        what=what,
        filters=filters,
        unhandled=unhandled,
        limit=limit,
        dry_run=dry_run,
        to=to,
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
    if what is None:
        run_many(wish)
        return
    if dry_run or unhandled or [name for name, _ in filters.asked] not in ([], ["provider"]):
        usage("replay", f"{what} is one delivery: leave it out to choose many by their filters")
    run(wish, what)
