"""`outworx endpoints`: what the configuration in this folder amounts to."""

from __future__ import annotations

import logging

import typer

from outworx_otel.assembly import Assembly
from outworx_otel.config import read_configuration
from outworx_otel.endpoints import Endpoint


def endpoints() -> None:
    """List the webhook endpoints that are configured here, and what is wrong with them.

    Reads outworx.toml (or pyproject.toml, or the file OUTWORX_CONFIG_FILE names) and OUTWORX_ROUTES, as an
    application started in this folder would. Exits with 1 if something has to be put right.
    """
    # What it would log is said below.
    logging.getLogger("outworx_otel").addHandler(logging.NullHandler())
    configuration = read_configuration()
    assembly = Assembly(configuration, {}, None, lambda: ())
    broken = [pattern for pattern, endpoint in assembly.endpoints.items() if endpoint.unsupported]
    problems = [
        *assembly.problems,
        *(f"{pattern}: the provider has no verifier, so every delivery is rejected" for pattern in broken),
    ]
    for pattern, endpoint in assembly.endpoints.items():
        typer.echo(
            f"{pattern}  provider={endpoint.options.provider}  {_signature(endpoint)}  "
            f"idempotency={'on' if endpoint.options.idempotency_key else 'off'}  from {endpoint.source}"
        )
    if not assembly.endpoints:
        typer.echo(
            'No endpoints. Begin an outworx.toml with\n\n[endpoints."/webhooks/stripe"]\nprovider = "stripe"'
        )
    for warning in configuration.warnings:
        typer.secho(f"warning: {warning}", fg="yellow", err=True)
    for problem in problems:
        typer.secho(f"error: {problem}", fg="red", err=True)
    if problems:
        raise typer.Exit(1)


def _signature(endpoint: Endpoint) -> str:
    if endpoint.problem is not None or endpoint.unsupported:
        return "signature=BROKEN"
    return "signature=verified" if endpoint.verifies else "signature=not verified"
