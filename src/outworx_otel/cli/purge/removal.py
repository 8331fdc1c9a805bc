"""Asks how many deliveries would go, asks whoever runs the command, and has them removed a part at a time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
import typer

from outworx_otel.cli.console import failed, say, say_json, usage
from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed, server_for
from outworx_otel.errors import ConfigurationError

# The server goes on for some seconds at each call, and may have to write its file anew.
_TIMEOUT_SECONDS: Final = 120.0


@dataclass(frozen=True)
class PurgeOptions:
    """What the command line says."""

    event_id: str | None
    provider: str | None
    before: str | None
    dry_run: bool
    yes: bool
    endpoint: str
    api_key: str | None
    authorities: Sequence[tuple[str, str]]
    as_json: bool


def run(options: PurgeOptions) -> None:
    """Removes; ends with 2 where the options make no sense, with 1 where the server does not do it."""
    if (options.event_id is None) == (options.before is None):
        usage("purge", "give either --event-id or --before")
    if options.provider is not None and options.event_id is None:
        usage("purge", "--provider goes with --event-id")
    if not (options.yes or options.dry_run or sys.stdin.isatty()):
        usage("purge", "there is nobody to ask here: add --yes, or --dry-run to see how many would go")
    with server_for("purge", options.endpoint, options.api_key, options.authorities) as server:
        _run(options, server)


def _run(options: PurgeOptions, server: OutworxServer) -> None:
    base = server.address
    count = _asked(options, server, dry_run=True)["deliveries"]
    if options.dry_run:
        if options.as_json:
            say_json({"deliveries": count, "dry_run": True})
        else:
            say(f"{base} would remove {_deliveries(count)}. Nothing was removed.")
        return
    if not options.yes and not typer.confirm(
        f"Remove {_deliveries(count)} from {base}, for good? A retry of such an event will run again",
        err=True,
    ):
        failed("purge", "nothing was removed")
    total = {"deliveries": 0, "spans": 0, "keys": 0}
    while True:
        done = _asked(options, server)
        for name in total:
            total[name] += done[name]
        if not done["more"]:
            break
        say(f"{total['deliveries']:,} of {count:,} removed", dim=True, err=True)
    if options.as_json:
        say_json({**total, "note": done["note"]})
        return
    spans = f"{total['spans']} other span{'' if total['spans'] == 1 else 's'}"
    keys = f"{total['keys']} idempotency record{'' if total['keys'] == 1 else 's'}"
    say(f"Removed {_deliveries(total['deliveries'])}, {spans} and {keys}.")
    if done["note"] is not None:
        say(f"Note: {done['note']}.", "yellow")


def _asked(options: PurgeOptions, server: OutworxServer, *, dry_run: bool = False) -> dict[str, Any]:
    asked = {"event_id": options.event_id, "provider": options.provider, "before": options.before}
    query = {name: value for name, value in asked.items() if value is not None}
    if dry_run:
        query["dry_run"] = "true"
    reply = server.call("DELETE", f"/api/deliveries?{urlencode(query)}", seconds=_TIMEOUT_SECONDS)
    if reply.status == 400 and reply.problem is not None:
        raise ConfigurationError(reply.problem)
    if reply.status in (404, 405):
        raise ServerCallFailed(
            f"{options.endpoint} removes nothing ({reply.status}): is it `outworx serve`, a recent one?"
        )
    if reply.status != 200:
        raise ServerCallFailed(
            f"{options.endpoint} answers {reply.status}: {reply.problem or 'it does not say why'}"
        )
    document: dict[str, Any] = msgspec.json.decode(reply.body)
    return document


def _deliveries(count: int) -> str:
    return f"{count:,} {'delivery' if count == 1 else 'deliveries'}"
