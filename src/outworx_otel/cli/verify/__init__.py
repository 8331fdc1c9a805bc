"""`outworx verify`: what is wrong with a signature, in plain words, without a server."""

from __future__ import annotations

from typing import Annotated

import typer


def verify(
    provider: Annotated[
        str | None, typer.Option("--provider", help="Who is to have sent it. Left out: seen by its headers.")
    ] = None,
    headers: Annotated[
        list[str] | None,
        typer.Option("--header", metavar="'NAME: VALUE'", help="A header of the delivery. Repeatable."),
    ] = None,
    body: Annotated[
        str | None,
        typer.Option("--body", metavar="FILE|-", help="The body, to the byte; - is standard input."),
    ] = None,
    saved: Annotated[
        str | None,
        typer.Option("--saved", metavar="FILE", help="A delivery that `outworx forward --save` kept."),
    ] = None,
    request: Annotated[
        str | None,
        typer.Option(
            "--request", metavar="FILE|-", help="A raw HTTP request: its head, a blank line, its body."
        ),
    ] = None,
    secret_env: Annotated[
        list[str] | None,
        typer.Option(
            "--secret-env",
            metavar="NAME",
            help="The environment variable that holds the secret. Repeatable, for a rotation.",
        ),
    ] = None,
    secret: Annotated[
        list[str] | None, typer.Option("--secret", help="The secret itself. Your shell remembers it.")
    ] = None,
    url: Annotated[
        str | None, typer.Option("--url", help="The URL that the provider called, for schemes that sign it.")
    ] = None,
    method: Annotated[
        str | None, typer.Option("--method", help="The method, for schemes that sign it.")
    ] = None,
    now: Annotated[
        str | None,
        typer.Option(
            "--now", metavar="TIME", help="Judge it at this moment: Unix seconds, ISO 8601, or 'now'."
        ),
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(min=0, help="Seconds that it may be away; inf for any. Left out: the provider's own."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say whether a delivery's signature is right, and if not, why not.

    Nothing is sent anywhere. Without --secret-env, the secret is the one that
    outworx.toml has for the path, or OUTWORX_SECRET_<PROVIDER>; all others that
    are configured are tried in the diagnosis. A saved delivery is judged at the
    time at which it came. Exits with 0 if it is valid, with 1 if it is not,
    with 2 if it cannot be told.

    Examples:

    \b
      outworx verify --saved saved/delivery.json
      outworx verify --request captured.http --provider twilio
          --url https://app.example.com/sms
      outworx verify --provider stripe --body payload.json
          --header 'Stripe-Signature: t=1790000000,v1=5257a8...'
          --secret-env STRIPE_WEBHOOK_SECRET --now 1790000000
      pbpaste | outworx verify --provider github --body -
          --header 'X-Hub-Signature-256: sha256=757107...'
    """
    from outworx_otel.cli.verify.judgement import VerifyOptions, run

    run(
        VerifyOptions(
            provider=provider,
            headers=headers or [],
            body=body,
            saved=saved,
            request=request,
            secrets=secret or [],
            secret_variables=secret_env or [],
            url=url,
            method=method,
            now=now,
            tolerance=tolerance,
            as_json=as_json,
        )
    )
