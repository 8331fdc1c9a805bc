"""`outworx mcp`: what coding agents ask and do, by the Model Context Protocol."""

from __future__ import annotations

from typing import Annotated

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import usage
from outworx_otel.cli.server_options import LOCAL, KeyOption
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment

MISSING = "coding agents are served by {package}: pip install 'outworx-otel[mcp]'"


def mcp(
    url: Annotated[
        str,
        typer.Option(
            "--url",
            "--endpoint",
            metavar="URL",
            envvar=list(environment.ENDPOINT),
            help="The Outworx server, such as your own `outworx serve`.",
        ),
    ] = LOCAL,
    api_key: KeyOption = "",
    ca_bundle: CaBundle = None,
) -> None:
    """Give a coding agent tools for webhooks, over standard input and output.

    It lists problems and deliveries and explains them, verifies signatures,
    and sends samples and stored deliveries to applications on this machine.
    Where the server asks for keys, one for read is needed, and one for admin
    to send. What a delivery holds is handed over as quoted data, and secrets
    are named by their variables alone. Needs pip install 'outworx-otel[mcp]'.
    `outworx serve` has the same tools at /mcp.

    Examples:

    \b
      outworx mcp
      outworx mcp --url https://hooks.example.com
      claude mcp add outworx -- outworx mcp
    """
    try:
        from outworx_otel.cli.mcp.over_stdio import serve
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outworx_otel"):
            raise
        usage("mcp", MISSING.format(package=error.name))
    try:
        serve(url, api_key or None, authorities(ca_bundle))
    except ConfigurationError as error:
        usage("mcp", str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
