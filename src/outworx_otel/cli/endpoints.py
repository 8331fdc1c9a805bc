"""`outworx endpoints`: what the configuration in this folder amounts to."""

from __future__ import annotations

import typer

from outworx_otel.config import ConfiguredEndpoint, read_configuration


def endpoints() -> None:
    """List the webhook endpoints that are configured here, and what is wrong with them.

    Reads outworx.toml (or pyproject.toml, or the file OUTWORX_CONFIG_FILE names) and OUTWORX_ROUTES, as an
    application started in this folder would. Exits with 1 if something has to be put right.
    """
    configuration = read_configuration()
    for endpoint in configuration.endpoints:
        typer.echo(
            f"{endpoint.pattern}  provider={endpoint.options.provider}  {_signature(endpoint)}  "
            f"idempotency={'on' if endpoint.options.idempotency_key else 'off'}  from {endpoint.source}"
        )
    if not configuration.endpoints:
        typer.echo(
            'No endpoints. Begin an outworx.toml with\n\n[endpoints."/webhooks/stripe"]\nprovider = "stripe"'
        )
    for warning in configuration.warnings:
        typer.secho(f"warning: {warning}", fg="yellow", err=True)
    for problem in configuration.problems:
        typer.secho(f"error: {problem}", fg="red", err=True)
    if configuration.problems:
        raise typer.Exit(1)


def _signature(endpoint: ConfiguredEndpoint) -> str:
    if endpoint.problem is not None:
        return "signature=BROKEN"
    return "signature=verified" if endpoint.options.verifies else "signature=not verified"
