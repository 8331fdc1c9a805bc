"""Runs `outworx replay`: finds the delivery, signs it anew, sends it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

import typer

from outworx_otel.cli.console import FAILED, failed, headers_of, printable, say, say_json, usage
from outworx_otel.cli.replay.stored_at import fetched
from outworx_otel.cli.secret_options import chosen_credentials
from outworx_otel.cli.server_calls import OutworxServer
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import (
    Completeness,
    Credentials,
    Outgoing,
    ReplayAnswer,
    ReplayError,
    StoredRequest,
    completeness,
    curl_line,
    provider_at,
    read_saved,
    resigned,
    send,
    target_url,
)
from outworx_otel.signatures import scheme_for


@dataclasses.dataclass(frozen=True)
class ReplayOptions:
    """The options of the command line."""

    what: str
    to: str
    provider: str | None
    secrets: list[str] = dataclasses.field(repr=False)
    secret_variables: list[str]
    public_url: str | None
    headers: list[str]
    as_received: bool
    curl: bool
    endpoint: str
    api_key: str | None = dataclasses.field(repr=False)
    timeout: float
    insecure: bool
    authorities: Sequence[tuple[str, str]]
    as_json: bool


def run(wish: ReplayOptions) -> None:
    """Runs the command. Exits with 1 if no 2xx came back, with 2 for an option that cannot be used."""
    try:
        if wish.curl:
            _print_curl(wish)
            return
        found = _found(wish)
        if found.request is None:
            failed("replay", f"this delivery cannot be sent again: {found.reason}")
        request, source = _prepared(wish, found.request)
    except ConfigurationError as error:
        usage("replay", str(error))
    except ReplayError as error:
        failed("replay", str(error))
    try:
        answer = send(request, timeout=wish.timeout, insecure=wish.insecure, authorities=wish.authorities)
    except ReplayError as error:
        if wish.as_json:
            say_json(_report(request, None, str(error)))
            raise typer.Exit(FAILED) from None
        failed("replay", str(error))
    if wish.as_json:
        say_json(_report(request, answer, None))
    else:
        _print(request, answer, source)
    if not 200 <= answer.status < 300:
        raise typer.Exit(FAILED)


def _found(wish: ReplayOptions) -> Completeness:
    path = Path(wish.what)
    if path.is_file() or path.suffix == ".json" or "/" in wish.what:
        return Completeness(read_saved(path).request())
    with OutworxServer(wish.endpoint, wish.api_key, wish.authorities) as server:
        document = fetched(server, wish.what)
        if document is None:
            raise ReplayError(
                f"{server.address} has no delivery {wish.what!r}, and there is no file of that name"
            )
    return completeness(document)


def _print_curl(wish: ReplayOptions) -> None:
    target = urlsplit(target_url(wish.to))
    # Not through `say`: it must arrive to the byte.
    typer.echo(curl_line(read_saved(Path(wish.what)), f"{target.scheme}://{target.netloc}{target.path}"))


def _prepared(wish: ReplayOptions, stored: StoredRequest) -> tuple[Outgoing, str]:
    """The request to send, and where its secret came from."""
    url = target_url(wish.to, stored)
    paths = [urlsplit(url).path, stored.path]
    provider = _provider(wish, stored, paths)
    stored = dataclasses.replace(stored, provider=provider)
    credentials = Credentials()
    if not wish.as_received:
        credentials = chosen_credentials(provider, paths, wish.secrets, wish.secret_variables)
    request = resigned(
        stored, credentials.secret, url=url, public_url=wish.public_url or credentials.public_url
    )
    if wish.as_received:
        request = dataclasses.replace(request, note="sent with the signature it came with, as you wished")
    own = headers_of(wish.headers)
    names = {name.lower() for name, _ in own}
    kept = tuple(pair for pair in request.headers if pair[0].lower() not in names)
    return dataclasses.replace(request, headers=(*kept, *own)), credentials.source


def _provider(wish: ReplayOptions, stored: StoredRequest, paths: list[str]) -> str:
    if wish.provider is not None:
        scheme = scheme_for(wish.provider)
        if scheme is None:
            raise ConfigurationError(f"--provider {wish.provider!r} is none that is known here")
        return scheme.provider
    # Clerk's headers are Svix's, and Meta's are GitHub's older ones: what is configured knows better.
    configured = next(filter(None, map(provider_at, paths)), None)
    return configured or stored.provider


def _print(request: Outgoing, answer: ReplayAnswer, source: str) -> None:
    good = 200 <= answer.status < 300
    say(
        f"  {request.method} {request.url}  {answer.status}  {answer.seconds * 1000:.0f}ms",
        "green" if good else "red",
    )
    if request.fresh:
        say(f"  signed anew, with {source}", dim=True)
    if answer.replayed:
        say("  answered out of the idempotency store: this event was handled before", dim=True)
    if request.note:
        say(f"  {request.note}", "yellow")
    if not good and answer.body:
        say(f"  {printable(answer.body[:200].decode('utf-8', 'replace')).partition(chr(10))[0]}", dim=True)


def _report(request: Outgoing, answer: ReplayAnswer | None, error: str | None) -> dict[str, object]:
    return {
        "method": request.method,
        "url": request.url,
        "fresh_signature": request.fresh,
        "note": request.note or None,
        "status": None if answer is None else answer.status,
        "replayed": answer is not None and answer.replayed,
        "duration_ms": None if answer is None else round(answer.seconds * 1000, 1),
        "body": None if answer is None else answer.body.decode("utf-8", "replace"),
        "error": error,
    }
