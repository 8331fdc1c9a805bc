"""The commands, each from a file of its own."""

from __future__ import annotations

from collections.abc import Callable

import typer

from outworx_otel.cli.alerts import alerts
from outworx_otel.cli.dev import dev
from outworx_otel.cli.doctor import doctor
from outworx_otel.cli.endpoints import endpoints
from outworx_otel.cli.forward import forward
from outworx_otel.cli.list import list_deliveries
from outworx_otel.cli.mcp import mcp
from outworx_otel.cli.migrate import migrate
from outworx_otel.cli.problems import problems
from outworx_otel.cli.purge import purge
from outworx_otel.cli.replay import replay
from outworx_otel.cli.serve import serve
from outworx_otel.cli.show import show
from outworx_otel.cli.tail import tail
from outworx_otel.cli.trigger import trigger
from outworx_otel.cli.verify import verify
from outworx_otel.server.capabilities import line_of
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


_COMMANDS: dict[str, Callable[..., None]] = {
    "endpoints": endpoints,
    "forward": forward,
    "serve": serve,
    "dev": dev,
    "problems": problems,
    "list": list_deliveries,
    "show": show,
    "tail": tail,
    "trigger": trigger,
    "replay": replay,
    "purge": purge,
    "verify": verify,
    "doctor": doctor,
    "mcp": mcp,
    "migrate": migrate,
}
for name, command in _COMMANDS.items():
    # What stands after the application's command is its own.
    settings = {"allow_interspersed_args": False} if name == "dev" else None
    app.command(name, short_help=line_of(name), context_settings=settings)(command)
app.add_typer(alerts, name="alerts")
