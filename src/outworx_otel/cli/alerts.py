"""`outworx alerts test`: a test message to every channel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outworx_otel.cli.console import FAILED, failed, say, say_json, usage
from outworx_otel.errors import ConfigurationError

alerts = typer.Typer(no_args_is_help=True, help="The channels that alerts are sent to.")


@alerts.callback()
def _alerts() -> None:
    """The channels that alerts are sent to."""


@alerts.command("test")
def try_all(
    config: Annotated[
        Path,
        typer.Option(
            envvar="OUTWORX_SERVE_CONFIG",
            metavar="FILE",
            help="The TOML file that the server is started with.",
        ),
    ],
    public_url: Annotated[
        str,
        typer.Option(
            envvar="OUTWORX_SERVE_PUBLIC_URL", help="The server's address, which the message leads to."
        ),
    ] = "http://127.0.0.1:4318",
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object for each channel.")] = False,
) -> None:
    """Send a test message to every channel, and say which of them worked.

    Exit codes: 0 where all worked, 1 where one did not, 2 where the configuration cannot be used.

    Examples:

        outworx alerts test --config server.toml
    """
    try:
        from outworx_otel.server.channels import read_channels, try_channels
        from outworx_otel.server.config_file import server_config
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outworx_otel"):
            raise
        failed("alerts test", f"the server needs {error.name}: pip install 'outworx-otel[server]'")
    try:
        channels = read_channels(server_config(config).channels)
    except ConfigurationError as error:
        usage("alerts test", str(error))
    if not channels:
        usage("alerts test", f"--config {config} names no channel: add one below [[channels]]")
    worked = True
    for channel, why in try_channels(channels, public_url.rstrip("/") + "/"):
        worked = worked and why is None
        if as_json:
            say_json({"channel": channel.name, "kind": channel.kind, "worked": why is None, "error": why})
        elif why is None:
            say(f"ok      {channel.name}", "green")
        else:
            say(f"failed  {channel.name}: {why}", "red")
    if not worked:
        raise typer.Exit(FAILED)
