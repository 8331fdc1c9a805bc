"""`outworx trigger`: a provider's delivery, correctly signed, without the provider."""

from __future__ import annotations

from typing import Annotated

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities


def trigger(
    provider: Annotated[str | None, typer.Argument(help="stripe, github, ... Left out: list them.")] = None,
    event: Annotated[
        str | None, typer.Argument(help="charge.succeeded, push, ... Left out: list the provider's.")
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="URL",
            help="Where to: http://localhost:8000/webhooks/stripe, or 8000/webhooks/...",
        ),
    ] = None,
    secret_env: Annotated[
        str | None,
        typer.Option("--secret-env", metavar="NAME", help="The environment variable that holds the secret."),
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", help="The secret itself. Your shell remembers it.")
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="PATH=VALUE", help="Change the payload; JSON, else text. Repeatable."),
    ] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="Send another header. Repeatable."),
    ] = None,
    count: Annotated[int, typer.Option(min=1, help="How many deliveries, each a new event.")] = 1,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="At most so many a second; one waits for the other.")
    ] = None,
    duplicate: Annotated[
        bool, typer.Option("--duplicate", help="Send every event twice, as a retry would.")
    ] = False,
    bad_signature: Annotated[
        str | None,
        typer.Option(
            "--bad-signature",
            metavar="REASON",
            help="Have it rejected for missing_header, malformed_header, timestamp_drift, hmac_mismatch, "
            "parsed_body, body_unavailable or credentials_mismatch.",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds to wait for each answer.")] = 30.0,
    insecure: Annotated[bool, typer.Option("--insecure", help="Take any TLS certificate.")] = False,
    ca_bundle: CaBundle = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="List the providers and their events.")] = False,
) -> None:
    """Send an application a webhook as the provider would, correctly signed.

    Every send is a new event, with its own id and the time of now. The secret
    is that of the endpoint in outworx.toml, else OUTWORX_SECRET_<PROVIDER>.
    Exits with 0 if every answer was 2xx (with --bad-signature: 401 or 413), else
    with 1.

    Examples:

    \b
      outworx trigger                            who can send what
      outworx trigger stripe                     what Stripe can send
      outworx trigger stripe charge.succeeded --to 8000/webhooks/stripe
      outworx trigger github push --to 8000/hooks --secret-env GITHUB_SECRET
      outworx trigger stripe charge.succeeded --to 8000/webhooks/stripe
          --set data.object.amount=5 --set data.object.currency=usd
      outworx trigger shopify orders/create --to 8000/hooks --duplicate
      outworx trigger slack message --to 8000/hooks --count 100 --rate 20
      outworx trigger github push --to 8000/hooks --bad-signature parsed_body
    """
    from outworx_otel.cli.trigger.send_samples import TriggerOptions, run

    run(
        TriggerOptions(
            provider=provider,
            event=event,
            to=to,
            secrets=[secret] if secret is not None else [],
            secret_variables=[secret_env] if secret_env is not None else [],
            changes=changes or [],
            headers=headers or [],
            count=count,
            rate=rate,
            duplicate=duplicate,
            bad_signature=bad_signature,
            timeout=timeout,
            insecure=insecure,
            authorities=authorities(ca_bundle),
            as_json=as_json,
            show_list=show_list,
        )
    )
