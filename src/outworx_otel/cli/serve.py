"""`outworx serve`: the server, and what it says when it starts."""

from __future__ import annotations

import datetime
import ipaddress
import logging
import os
import re
import threading
import webbrowser
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn

import typer

from outworx_otel.cli.mcp import agents_over_http
from outworx_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from outworx_otel.server import Settings
    from outworx_otel.server.app import Application

_KEYS: Final = "OUTWORX_SERVE_API_KEYS"
_UNITS: Final = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3, "t": 1024**4}
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?) ?([kmgt]?)(?:i?b)?", re.IGNORECASE)


def serve(
    host: Annotated[
        str,
        typer.Option(
            envvar="OUTWORX_SERVE_HOST", help="The address to bind; 0.0.0.0 for all that there are."
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(envvar="OUTWORX_SERVE_PORT", help="4318 is what OTLP exporters look for.")
    ] = 4318,
    database: Annotated[
        str,
        typer.Option(
            envvar="OUTWORX_SERVE_DATABASE",
            help="sqlite:///PATH, postgresql+psycopg://USER:PASSWORD@HOST/NAME, or for very many deliveries"
            " clickhouse://USER:PASSWORD@HOST:8123/NAME.",
        ),
    ] = "sqlite:///outworx.db",
    state: Annotated[
        str | None,
        typer.Option(
            envvar="OUTWORX_SERVE_STATE",
            help="Where clickhouse:// keeps what needs transactions: sqlite:///PATH or postgresql+psycopg://…;"
            " sqlite:///outworx-state.db without it.",
        ),
    ] = None,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            envvar=_KEYS,
            help="A key that is taken; repeat it for several (the variable: separated by spaces). ingest:KEY,"
            " forward:KEY, read:KEY and admin:KEY are for one purpose. Without it any key or none is taken on"
            " loopback; elsewhere one is made and shown once.",
        ),
    ] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make a new key instead of the one made before.")
    ] = False,
    public_url: Annotated[
        str | None,
        typer.Option(
            envvar="OUTWORX_SERVE_PUBLIC_URL", help="How the outside reaches it: https://hooks.example.com."
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(
            envvar="OUTWORX_SERVE_ALLOWED_HOSTS", help="A further name that browsers reach it by; repeatable."
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            envvar="OUTWORX_SERVE_TRUST_PROXY",
            help="A reverse proxy's address, whose X-Forwarded-For and -Proto are believed; repeatable.",
        ),
    ] = None,
    relay_port: Annotated[
        int | None,
        typer.Option(envvar="OUTWORX_SERVE_RELAY_PORT", help="A port of its own for tunnelled requests."),
    ] = None,
    relay_url: Annotated[
        str | None,
        typer.Option(envvar="OUTWORX_SERVE_RELAY_URL", help="How the outside reaches --relay-port."),
    ] = None,
    retention_days: Annotated[
        float, typer.Option(envvar="OUTWORX_SERVE_RETENTION_DAYS", help="What arrived before is removed.")
    ] = 30.0,
    max_database_size: Annotated[
        str,
        typer.Option(
            envvar="OUTWORX_SERVE_MAX_DATABASE_SIZE",
            help="Beyond it deliveries are removed, unproved ones first: 500MiB, 4GiB.",
        ),
    ] = "4GiB",
    config: Annotated[
        Path | None,
        typer.Option(
            envvar="OUTWORX_SERVE_CONFIG",
            help="A TOML file with what options are too small for: [alerts], when somebody is told, and"
            " [[channels]], how.",
        ),
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the dashboard in a browser.")] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every request.")] = False,
) -> None:
    """See every delivery on your own machine: ingest, store, dashboard and tunnel in one process.

    Takes OTLP over HTTP, and what the outworx-hooks SDK sends; keeps it in one file; shows it at
    http://127.0.0.1:4318. Every option can also come from the environment. OUTWORX_API_KEY is not among them: that is
    the key which clients send, and must not quietly become the one that this server takes.

    Examples:

        outworx serve

        outworx serve --port 8080 --database sqlite:////var/lib/outworx/outworx.db

        outworx serve --host 0.0.0.0 --public-url https://hooks.example.com
    """
    try:
        from outworx_otel.server import Settings
        from outworx_otel.server import serve as run
        from outworx_otel.server.config_file import ServerConfig, server_config
        from outworx_otel.server.store import StoreUnavailable
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("outworx_otel"):
            raise
        _fail(f"the server needs {error.name}: pip install 'outworx-otel[server]'", 2)
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    try:
        if not api_key and not os.environ.get(_KEYS, "unset").strip():
            raise ConfigurationError(
                f"{_KEYS} is set and empty: unset it, or give it the keys that are taken"
            )
        said = ServerConfig() if config is None else server_config(config)
        settings = Settings(
            host=host,
            port=port,
            database=database,
            state=state,
            api_keys=tuple(api_key or ()),
            new_key=new_key,
            public_url=public_url,
            allowed_hosts=tuple(allowed_host or ()),
            trusted_proxies=_proxies(trust_proxy or []),
            relay_port=relay_port,
            relay_url=relay_url,
            retention_days=retention_days,
            max_database_bytes=_bytes(max_database_size),
            rules=said.rules,
            channels=said.channels,
        )
        if new_key and (api_key or not settings.is_exposed):
            raise ConfigurationError(
                "--new-key is for a server that made its own key: without --api-key, and reachable from elsewhere"
            )
        agents = agents_over_http(api_key or ())
        run(settings, agents=agents, verbose=verbose, ready=partial(_say, open_browser))
    except ConfigurationError as error:
        _fail(str(error), 2)
    except StoreUnavailable as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None


def _say(open_browser: bool, app: Application, settings: Settings) -> None:
    from rich.console import Console
    from rich.text import Text
    from sqlalchemy.engine import make_url

    from outworx_otel.server.store import DEFAULT_STATE, is_column_store
    from outworx_otel.server.store.database import shown

    console = Console(highlight=False, soft_wrap=True)

    def row(name: str, value: str, style: str = "") -> None:
        console.print(Text(f"  {name:<12}"), Text(value, style=style), sep="")

    own = settings.own_host
    address = f"http://{own}:{settings.port}"
    console.print(Text("  outworx serve", style="bold"))
    row("Dashboard", (settings.public_url or address).rstrip("/") + "/", "cyan")
    if app.collected is None:
        row("OTLP/HTTP", f"{address}/v1/traces, /v1/metrics", "cyan")
    else:
        row("Reads", f"{app.collected}, which the collector writes: send to the collector")
    if settings.relay_port is not None:
        row("Tunnels", settings.tunnel_url or f"http://{own}:{settings.relay_port}", "cyan")
    if app.serves_agents:
        row("Agents", f"{address}/mcp", "cyan")
    row("Database", shown(make_url(settings.database)))
    if is_column_store(settings.database):
        row("State", shown(make_url(settings.state or DEFAULT_STATE)))
    if app.channels:
        row("Alerts to", ", ".join(app.channels))
    _say_key(app, row)
    console.print()
    if app.collected is None:
        _say_how_to_send(console, app, address)
    console.print(Text("  Press Ctrl+C to stop.", style="dim"))
    if open_browser:
        # A browser without a display may take its time to say so.
        threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()


def _say_how_to_send(console: Console, app: Application, address: str) -> None:
    from rich.text import Text

    console.print(Text("  Send a first delivery from an application of yours:"))
    key = "" if not app.access.needs_login else " OUTWORX_API_KEY=<key>"
    console.print(Text(f"    export OUTWORX_ENDPOINT={address}{key}"))
    exporters = "OTEL_TRACES_EXPORTER=outworx OTEL_METRICS_EXPORTER=outworx"
    console.print(Text(f"    {exporters} opentelemetry-instrument uvicorn app:app"))
    console.print()


def _say_key(app: Application, row: Callable[..., None]) -> None:
    from outworx_otel.server.purposes import EVERY, Purpose, may

    keys = app.access.keys
    if not keys.required:
        row("API key", "none is needed: only this machine can reach it")
    elif keys.made is not None:
        row("API key", keys.made, "bold yellow")
        row("", "It is shown only now; the database holds its hash. --new-key makes another.")
        keys.made = None
    elif keys.made_at is not None:
        day = datetime.datetime.fromtimestamp(keys.made_at).strftime("%Y-%m-%d %H:%M")
        row("API key", f"the one that was made and shown on {day}; --new-key replaces it")
    else:
        given = [keys.purposes(digest) for digest in keys.digests]
        row(
            "API key",
            "the one that was given" if len(given) == 1 else f"one of the {len(given)} that were given",
        )
        for purposes, count in Counter(given).items():
            if purposes != EVERY:
                row("", f"{'' if len(given) == 1 else f'{count} of them: '}only to {may(purposes)}")
        if not any(Purpose.READ in purposes for purposes in given):
            row("", "None may read, so nobody can log in: add --api-key read:KEY or admin:KEY.", "yellow")


def _proxies(addresses: list[str]) -> tuple[str, ...]:
    for address in addresses:
        try:
            # As uvicorn reads them; what it cannot read it compares as text with the peer's address, in vain.
            if address != "*":
                ipaddress.ip_network(address)
        except ValueError:
            raise ConfigurationError(
                f"--trust-proxy {address!r} is no address: write 127.0.0.1 or 10.0.0.0/8 (a name is not looked up)"
            ) from None
    return tuple(addresses)


def _bytes(size: str) -> int:
    found = _SIZE.fullmatch(size.strip())
    if found is None:
        raise ConfigurationError(f"--max-database-size {size!r} is no size: write 500MiB or 4GiB")
    return int(float(found[1]) * _UNITS[found[2].lower()])


def _fail(message: str, code: int) -> NoReturn:
    typer.secho(f"outworx serve: {message}", fg="red", err=True)
    raise typer.Exit(code)
