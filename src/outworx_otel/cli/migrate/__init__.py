"""`outworx migrate`: from the published outworx-hooks to this package."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from outworx_otel.cli.console import usage


def migrate(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(metavar="PATH...", help="Files and folders; this folder by default."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be changed, and write nothing.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show the changes as a unified diff, and write nothing.")
    ] = False,
) -> None:
    """Rewrite an application that uses outworx-hooks so that it uses this package.

    Rewritten are imports and what they name, aliases included, the strings of
    Django's MIDDLEWARE, and the dependency in requirements files and in
    pyproject.toml. Everything else stays as it is, letter for letter: line ends,
    encoding, comments. What cannot be decided is named by file and line: imports
    by a name that is put together at run time, private names, names that have no
    counterpart, files that cannot be parsed. A second run changes nothing.
    Exits with 1 where something is left to you, else with 0.

    Examples:

    \b
      outworx migrate --diff
      outworx migrate .
      outworx migrate src requirements.txt --dry-run
    """
    try:
        from outworx_otel.cli.migrate.run import run
    except ModuleNotFoundError as error:
        if error.name != "libcst":
            raise
        usage("migrate", "it needs libcst: pip install 'outworx-otel[migrate]'")
    run(paths or [Path()], writes=not (dry_run or diff), diff=diff)
