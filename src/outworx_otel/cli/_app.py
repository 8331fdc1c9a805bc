"""The commands, each from a file of its own."""

from __future__ import annotations

import typer

from outworx_otel.cli.endpoints import endpoints
from outworx_otel.version import __version__

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"outworx-otel {__version__}")
        raise typer.Exit


@app.callback()
def outworx(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Say which version."
    ),
) -> None:
    """Webhooks made visible and safe."""


app.command()(endpoints)
