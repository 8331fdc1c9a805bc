"""`outworx dev`: the server, the environment and the application, in one terminal."""

from __future__ import annotations

from typing import Annotated

import typer


def dev(
    command: Annotated[
        list[str],
        typer.Argument(metavar="COMMAND...", help="What starts the application, as you would type it."),
    ],
    port: Annotated[
        int | None,
        typer.Option(
            help="The server's port. Without it 4318, or a free one where that is taken.", show_default=False
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(help="Another database than .outworx/dev.db in this folder.", show_default=False),
    ] = None,
    open_browser: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the dashboard in a browser.")
    ] = True,
) -> None:
    """Run an application and see its deliveries: starts the server, sets the environment, runs the command.

    The command runs under opentelemetry-instrument where that is installed, so
    that nothing in it has to be changed. Its output is its own; lines of the
    server begin with "outworx |". Ctrl+C ends both. Exits with the
    application's status, 127 where there is no such command.

    Examples:

    \b
      outworx dev -- uvicorn app:app --reload
      outworx dev --no-open -- flask --app shop run
      outworx dev -- python manage.py runserver
    """
    from outworx_otel.cli.dev.both import DevOptions, run

    run(DevOptions(command=command, port=port, database=database, open_browser=open_browser))
