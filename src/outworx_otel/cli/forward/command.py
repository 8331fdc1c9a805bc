"""`outworx forward`: the options, and from them a running tunnel."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NoReturn
from urllib.parse import urlsplit

import typer

from outworx_otel.cli.ca_option import CaBundle, authorities
from outworx_otel.cli.server_options import (
    ENDPOINT_VARIABLE,
    HOSTED,
    KEY_VARIABLE,
    LOCAL,
    EndpointOption,
    KeyOption,
    server_address,
)
from outworx_otel.errors import ConfigurationError

if TYPE_CHECKING:
    from outworx_otel.cli.forward.tunnel import Tunnel

_LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
_KEY_HELP: Final = f"set {KEY_VARIABLE}, or pass --api-key"


def forward(
    targets: Annotated[
        list[str],
        typer.Argument(
            help="3000, localhost:8080, a URL, or /path=3000 for a part of the paths.", show_default=False
        ),
    ],
    endpoint: EndpointOption = HOSTED,
    api_key: KeyOption = "",
    rules: Annotated[
        list[str] | None,
        typer.Option(
            "--filter",
            metavar="FIELD=PATTERN",
            help="Forward only what matches, e.g. 'type=charge.*'; also path=, provider=, method=. "
            "The rest is answered 200. Repeatable.",
        ),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="'NAME: VALUE'", help="Set on every forwarded request. Repeatable."),
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write each delivery to a file for `outworx replay`, and as curl."),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="One JSON object a line on standard output, for scripts.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also say provider and event type in each line.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds that the local server may take.")] = 30.0,
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="Deliveries under way at once.")] = 50,
    insecure: Annotated[
        bool, typer.Option("--insecure", help="Take any certificate of a local https server.")
    ] = False,
    ca_bundle: CaBundle = None,
    new: Annotated[
        bool, typer.Option("--new", help="A new public URL, also where an earlier run was cut off.")
    ] = False,
) -> None:
    """Open a tunnel from a public URL to a server on this machine.

    Point the provider (Stripe, GitHub, ...) at the printed Public URL. Its requests reach your local server byte for
    byte, and your handler's answers go back. Ctrl+C ends it; by itself it ends after 24 hours.

    \b
      outworx forward 3000
      outworx forward localhost:8080 --filter 'type=charge.*' --save deliveries
      outworx forward /stripe=3000 /github=4000
      outworx forward 3000 --endpoint http://localhost:4318
    """
    from outworx_otel.cli.forward.delivery_files import DeliveryFiles
    from outworx_otel.cli.forward.filter_rules import FilterRules
    from outworx_otel.cli.forward.json_output import JsonOutput
    from outworx_otel.cli.forward.local_servers import LocalServers
    from outworx_otel.cli.forward.local_targets import UsageError, parse_targets
    from outworx_otel.cli.forward.loop_lookups import look_up_apart
    from outworx_otel.cli.forward.output import Output
    from outworx_otel.cli.forward.relay_client import RelayClient, RelayError
    from outworx_otel.cli.forward.session_file import SessionFile, session_file_for
    from outworx_otel.cli.forward.text_output import TextOutput
    from outworx_otel.cli.forward.tunnel import Tunnel
    from outworx_otel.http.certificates import trust

    try:
        found = parse_targets(targets)
        filters = FilterRules(rules or ())
        headers = [_header(text) for text in header or ()]
        endpoint = server_address(endpoint)
        key = _key(api_key, endpoint)
        if insecure and ca_bundle is not None:
            raise UsageError("--insecure and --ca-bundle: one or the other")
        trusted = authorities(ca_bundle)
        secure = any(target.url.startswith("https:") for target in found)
        # A file that holds no certificates is told in any case.
        verify = trust(*trusted).context() if trusted or (secure and not insecure) else not insecure
        saving = None if save is None else DeliveryFiles(save)
    except (UsageError, ConfigurationError) as error:
        _fail(str(error), 2)
    except OSError as error:
        _fail(f"--save {save}: {error.strerror}", 2)

    async def run() -> None:
        look_up_apart(asyncio.get_running_loop())
        server = RelayClient(endpoint, key, concurrency, authorities=trusted)
        local = LocalServers(found, headers=headers, timeout=timeout, connections=concurrency, verify=verify)
        output: Output = JsonOutput() if json else TextOutput(verbose)
        keeping = SessionFile(None) if new else session_file_for(endpoint, key, targets)
        tunnel = Tunnel(server, local, found, filters, output, keeping, saving, concurrency)
        try:
            await _until_interrupted(tunnel)
        finally:
            await server.close()

    try:
        asyncio.run(run())
    except ConfigurationError as error:
        _fail(str(error), 2)
    except RelayError as error:
        _fail(_explained(error, endpoint, key), 1)


async def _until_interrupted(tunnel: Tunnel) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def interrupt(number: int) -> None:
        stop.set()
        # A second Ctrl+C ends it at once.
        with contextlib.suppress(NotImplementedError):
            loop.remove_signal_handler(number)

    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None:
            try:
                loop.add_signal_handler(number, interrupt, number)
            except NotImplementedError:  # Windows
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    await tunnel.run(stop)


def _key(text: str, endpoint: str) -> str | None:
    from outworx_otel.cli.forward.local_targets import UsageError

    key = text.strip().strip("'\"").strip()
    if key and not (key.isascii() and key.isprintable() and " " not in key):
        raise UsageError(
            f"the API key has characters that no header can hold; {_KEY_HELP} as it was given to you"
        )
    if not key and urlsplit(endpoint).hostname not in _LOOPBACK:
        raise UsageError(f"no API key; {_KEY_HELP}: {endpoint} wants one. {_own_server(endpoint)}")
    return key or None


def _header(text: str) -> tuple[str, str]:
    from outworx_otel.cli.forward.local_targets import UsageError

    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    token = name.isascii() and name.replace("-", "").replace("_", "").isalnum()
    if not colon or not token or not value.isprintable() or not _latin(value):
        raise UsageError(f"--header {name!r}: write 'Name: value'")
    if name.lower() in ("content-length", "transfer-encoding", "connection"):
        raise UsageError(f"--header {name!r}: is set by what is sent, and by nobody else")
    return name, value


def _latin(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def _explained(error: Exception, endpoint: str, key: str | None) -> str:
    status = getattr(error, "status", None)
    if status in (401, 403):
        given = "rejects this API key" if key else "wants an API key"
        return f"{endpoint} {given} ({error}); {_KEY_HELP} with a key of this project, or check --endpoint"
    if status == 404:
        return (
            f"{endpoint} has no tunnel ({error}); check --endpoint: it is the server's address without a path"
        )
    if status is None:
        return f"{endpoint} cannot be reached ({error}); check --endpoint. {_own_server(endpoint)}"
    return f"{endpoint} does not open a tunnel ({error})"


def _own_server(endpoint: str) -> str:
    """What to do where the server is not there, or not the one that was meant."""
    if urlsplit(endpoint).hostname in _LOOPBACK:
        return f"Start `outworx serve` there, or name another server with --endpoint or {ENDPOINT_VARIABLE}"
    return f"With a server of your own (`outworx serve`), set {ENDPOINT_VARIABLE}={LOCAL}"


def _fail(message: str, code: int) -> NoReturn:
    from outworx_otel.cli.console import terminal_safe

    # A server's own words may be in it.
    typer.secho(terminal_safe(f"outworx forward: {message}", 1000), fg="red", err=True)
    raise typer.Exit(code)
