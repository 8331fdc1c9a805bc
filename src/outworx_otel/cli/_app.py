"""The commands, each from a file of its own."""

from __future__ import annotations

import typer

from outworx_otel.cli.alerts import alerts
from outworx_otel.cli.dev import dev
from outworx_otel.cli.doctor import doctor
from outworx_otel.cli.endpoints import endpoints
from outworx_otel.cli.forward import forward
from outworx_otel.cli.list import list_deliveries
from outworx_otel.cli.purge import purge
from outworx_otel.cli.replay import replay
from outworx_otel.cli.serve import serve
from outworx_otel.cli.show import show
from outworx_otel.cli.tail import tail
from outworx_otel.cli.trigger import trigger
from outworx_otel.cli.verify import verify
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
app.command()(forward)
app.command()(serve)
app.command(context_settings={"allow_interspersed_args": False})(dev)
app.command("list")(list_deliveries)
app.command()(show)
app.command()(tail)
app.command()(trigger)
app.command()(replay)
app.command()(purge)
app.command()(verify)
app.command()(doctor)
app.add_typer(alerts, name="alerts")
