"""`outworx mcp`: what coding agents ask and do, by the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import metadata
from typing import TYPE_CHECKING, Annotated, Final

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.console import usage
from outworx_otel.cli.server_options import LOCAL, KeyOption
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment

if TYPE_CHECKING:
    from outworx_otel.server.agents import Agents

_NEEDED: Final = "mcp"
_OLDEST: Final = 2
_MISSING: Final = (
    f"coding agents are served by the package mcp, version {_OLDEST}: pip install 'outworx-otel[mcp]'"
)


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
    if not _is_installed():
        usage("mcp", _MISSING)
    from outworx_otel.cli.mcp.over_stdio import serve

    try:
        serve(url, api_key or None, authorities(ca_bundle))
    except ConfigurationError as error:
        usage("mcp", str(error))
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def agents_over_http(keys: Iterable[str]) -> Agents | None:
    """Returns what serves the tools at `/mcp` of a server; None where what it needs is not installed.

    Args:
        keys: the server's, as `--api-key` names them: no answer may hold one.
    """
    if not _is_installed():
        return None
    from outworx_otel.cli.mcp.over_http import AgentsOverHttp

    return AgentsOverHttp([part for key in keys for part in (key, key.partition(":")[2])])


def _is_installed() -> bool:
    try:
        return int(metadata.version(_NEEDED).partition(".")[0]) >= _OLDEST
    except (metadata.PackageNotFoundError, ValueError):
        return False
