"""The command line: `outworx`, or `python -m outworx_otel.cli`."""

from __future__ import annotations

import sys


def main() -> None:
    """Runs `outworx`."""
    try:
        from outworx_otel.cli._app import app
    except ModuleNotFoundError as error:
        if error.name != "typer":
            raise
        sys.exit("outworx: the command line needs typer: pip install 'outworx-otel[cli]'")
    app(prog_name="outworx")
