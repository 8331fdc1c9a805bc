"""The options that name the Outworx server and its key, the same for every command that calls one."""

from __future__ import annotations

from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from outworx_otel.cli.console import say
from outworx_otel.errors import ConfigurationError
from outworx_otel.process import environment

HOSTED: Final = "https://hooks.outworx.io"
LOCAL: Final = "http://127.0.0.1:4318"
ENDPOINT_VARIABLE, KEY_VARIABLE = environment.ENDPOINT[0], environment.API_KEY[0]


def _say_disagreement(option: typer.CallbackParam, context: typer.Context, value: str) -> str:
    """Says where the option is taken from the first of two variables that differ."""
    source = context.get_parameter_source(option.name or "")
    said = environment.disagreement(*(option.envvar or ()))
    if said is not None and source is not None and source.name == "ENVIRONMENT":
        say(f"outworx {context.info_name}: {said}", "yellow", err=True)
    return value


EndpointOption = Annotated[
    str,
    typer.Option(
        "--endpoint",
        metavar="URL",
        envvar=list(environment.ENDPOINT),
        callback=_say_disagreement,
        help="The Outworx server, such as your own `outworx serve`.",
    ),
]
KeyOption = Annotated[
    str,
    typer.Option(
        "--api-key",
        envvar=list(environment.API_KEY),
        callback=_say_disagreement,
        show_default=False,
        help="The server's API key. The variable is better: a shell remembers what it ran.",
    ),
]


def server_address(text: str) -> str:
    """Returns scheme, host, port and prefix of a server.

    Args:
        text: a URL, a host without a scheme, or a port of this machine. Where an application sends telemetry
            (`.../api/ingest`, `.../v1/traces`) will do too, because one variable names both.

    Raises:
        ConfigurationError: it is no server's address.
    """
    given = text.strip()
    if given.removeprefix(":").isdecimal():
        given = f"localhost:{given.removeprefix(':')}"
    parts = urlsplit(given if "://" in given else f"http://{given}")
    try:
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.username is not None or parts.query or parts.fragment:
        raise ConfigurationError(
            f"{text!r} is no server's address; give --endpoint or {ENDPOINT_VARIABLE} one such as {HOSTED} or {LOCAL}"
        )
    path = parts.path.rstrip("/")
    for suffix in ("/v1/traces", "/v1/metrics", "/api/ingest"):
        path = path.removesuffix(suffix)
    return f"{parts.scheme}://{parts.netloc}{path}"
