"""`outworx endpoints`: what the configuration in this folder amounts to."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Annotated

import typer

from outworx_otel.cli.console import FAILED, say, say_json
from outworx_otel.setup.assembly import Assembly
from outworx_otel.setup.configuration import read_configuration
from outworx_otel.setup.endpoints import Endpoint


def endpoints(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document, for scripts.")] = False,
) -> None:
    """List the webhook endpoints that are configured here, and what is wrong with them.

    Reads outworx.toml (or pyproject.toml, or the file OUTWORX_CONFIG_FILE names) and OUTWORX_ROUTES, as an
    application started in this folder would. Exits with 1 if something has to be put right.
    """
    # What it would log is printed below.
    logging.getLogger("outworx_otel").addHandler(logging.NullHandler())
    rows, warnings, problems = configured_endpoints()
    if as_json:
        say_json({"endpoints": rows, "warnings": warnings, "problems": problems})
    else:
        _print(rows, warnings, problems)
    if problems:
        raise typer.Exit(FAILED)


def configured_endpoints() -> tuple[list[dict[str, str]], Sequence[str], list[str]]:
    """Returns a row for each endpoint that is configured here, the warnings, and what has to be put right."""
    configuration = read_configuration()
    assembly = Assembly(configuration, {}, None, lambda: ())
    broken = [pattern for pattern, endpoint in assembly.endpoints.items() if endpoint.unsupported]
    problems = [
        *assembly.problems,
        *(f"{pattern}: the provider has no verifier, so every delivery is rejected" for pattern in broken),
    ]
    rows = [_row(pattern, endpoint) for pattern, endpoint in assembly.endpoints.items()]
    return rows, configuration.warnings, problems


def _print(rows: list[dict[str, str]], warnings: Sequence[str], problems: list[str]) -> None:
    for row in rows:
        say(
            f"{row['path']}  provider={row['provider']}  signature={row['signature']}  "
            f"idempotency={row['idempotency']}  from {row['source']}"
        )
    # A file that cannot be read may be full of them: it needs mending, and not to be begun.
    if not rows and not problems:
        say('No endpoints. Begin an outworx.toml with\n\n[endpoints."/webhooks/stripe"]\nprovider = "stripe"')
    for warning in warnings:
        say(f"warning: {warning}", "yellow", err=True)
    for problem in problems:
        say(f"error: {problem}", "red", err=True)


def _row(pattern: str, endpoint: Endpoint) -> dict[str, str]:
    return {
        "path": pattern,
        "provider": endpoint.options.provider,
        "signature": _signature(endpoint),
        "idempotency": "on" if endpoint.options.idempotency_key else "off",
        "source": endpoint.source,
    }


def _signature(endpoint: Endpoint) -> str:
    if endpoint.problem is not None or endpoint.unsupported:
        return "BROKEN"
    if endpoint.verifier is not None and endpoint.verifier.scheme.kind == "authenticated":
        return "authenticated"
    return "verified" if endpoint.verifies else "not verified"
