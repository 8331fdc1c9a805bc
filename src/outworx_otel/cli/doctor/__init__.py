"""`outworx doctor`: what is wrong with the set-up, and what to do about it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    app_dir: Annotated[
        Path | None,
        typer.Option(
            "--app-dir", metavar="DIR", help="Where the application is started. Left out: this folder."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="End with 78 where less is guarded than was asked for: for start scripts."
        ),
    ] = False,
) -> None:
    """Examine the set-up of an application, and say what to do.

    Run it where the application runs: in its virtual environment, with its
    environment variables. It looks at the OpenTelemetry packages, at what
    opentelemetry-instrument will load, at the configured endpoints and their
    secrets, asks the server for the time and whether it takes the key, and
    claims and releases one key in the idempotency store. No secret is shown,
    and nothing of the application is imported or run. What it cannot try it
    says as a hint. Exits with 1 if there is a problem, else with 0. With
    --strict it exits with 78 if less is guarded than was asked for, and a
    server or a store that is away is no reason not to start.

    Examples:

    \b
      outworx doctor
      outworx doctor --app-dir /srv/shop
      outworx doctor --strict && exec opentelemetry-instrument uvicorn app:app
      docker compose exec web outworx doctor --json
    """
    from outworx_otel.cli.doctor.examination import run

    run(app_dir, as_json, strict)
