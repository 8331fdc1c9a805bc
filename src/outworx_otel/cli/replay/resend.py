"""Runs `outworx replay ID`: finds the delivery, signs it anew, sends it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from outworx_otel.cli.console import FAILED, failed, printable, say, say_json, usage
from outworx_otel.cli.replay.preparing import Preparation, ReplayOptions
from outworx_otel.cli.replay.stored_at import fetched
from outworx_otel.cli.server_calls import OutworxServer
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import (
    Completeness,
    Outgoing,
    ReplayAnswer,
    ReplayError,
    completeness,
    curl_line,
    read_saved,
    send,
    target_url,
)


def run(wish: ReplayOptions, what: str) -> None:
    """Runs the command. Exits with 1 if no 2xx came back, with 2 for an option that cannot be used."""
    try:
        if wish.curl:
            _print_curl(wish, what)
            return
        found = _found(wish, what)
        if found.request is None:
            failed("replay", f"this delivery cannot be sent again: {found.reason}")
        request, source = Preparation(wish).prepare(found.request)
    except ConfigurationError as error:
        usage("replay", str(error))
    except ReplayError as error:
        failed("replay", str(error))
    try:
        answer = send(request, timeout=wish.timeout, insecure=wish.insecure, authorities=wish.authorities)
    except ReplayError as error:
        if wish.as_json:
            say_json(report(request, None, str(error)))
            raise typer.Exit(FAILED) from None
        failed("replay", str(error))
    if wish.as_json:
        say_json(report(request, answer, None))
    else:
        _print(request, answer, source)
    if not 200 <= answer.status < 300:
        raise typer.Exit(FAILED)


def _found(wish: ReplayOptions, what: str) -> Completeness:
    path = Path(what)
    if path.is_file() or path.suffix == ".json" or "/" in what:
        return Completeness(read_saved(path).request())
    with OutworxServer(wish.endpoint, wish.api_key, wish.authorities) as server:
        document = fetched(server, what)
        if document is None:
            raise ReplayError(f"{server.address} has no delivery {what!r}, and there is no file of that name")
    return completeness(document)


def _print_curl(wish: ReplayOptions, what: str) -> None:
    target = urlsplit(target_url(wish.to))
    # Not through `say`: it must arrive to the byte.
    typer.echo(curl_line(read_saved(Path(what)), f"{target.scheme}://{target.netloc}{target.path}"))


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
        say(f"  {excerpt(answer)}", dim=True)


def excerpt(answer: ReplayAnswer) -> str:
    """The first line of an answer's body."""
    return printable(answer.body[:200].decode("utf-8", "replace")).partition("\n")[0]


def report(request: Outgoing, answer: ReplayAnswer | None, error: str | None) -> dict[str, Any]:
    """One JSON object of a request that was sent, and what came back."""
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
