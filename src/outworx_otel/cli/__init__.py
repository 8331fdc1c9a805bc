"""The command line: `outworx`, or `python -m outworx_otel.cli`."""

from __future__ import annotations


def main() -> None:
    """Runs `outworx`."""
    from outworx_otel.cli._app import app

    app(prog_name="outworx")
