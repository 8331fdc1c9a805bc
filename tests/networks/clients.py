"""The five clients of ours that call a server, each as a function of the server's URL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Final

import pytest

from outworx_otel.cli.doctor.networks import networks
from outworx_otel.cli.doctor.telemetry_server import server
from outworx_otel.cli.forward.relay_client import RelayClient
from outworx_otel.cli.replay.stored_at import fetched
from outworx_otel.cli.server_calls import OutworxServer
from outworx_otel.export.destination import Destination
from outworx_otel.export.http_client import HttpClient
from outworx_otel.export.send_result import Verdict
from outworx_otel.idempotency import open_store
from outworx_otel.server.replay import Outgoing, send

KEY: Final = "ohk_networks_key"
_SAID: Final = json.dumps(
    {"sessionId": "s", "ingressUrl": "http://x/t/1", "status": "new", "ok": True}
).encode()
ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_SAID) + _SAID
)
"""What every client takes for a good answer."""


class CannotCallError(Exception):
    """A client had no answer; its text is what it says to its user."""


def _exporter(url: str) -> None:
    client = HttpClient(Destination(url, KEY))
    try:
        result = client.post(f"{url}/v1/traces", b"", "application/x-protobuf")
    finally:
        client.close()
    if result.verdict is not Verdict.DELIVERED:
        raise CannotCallError(result.detail)


def _store(url: str) -> None:
    scheme, _, rest = url.partition("://")
    store = open_store(f"outworx{'s' if scheme == 'https' else ''}://{KEY}@{rest}", budget=5.0)
    try:
        store.check()
    except Exception as error:
        raise CannotCallError(str(error)) from error
    finally:
        store.close()


def _doctor(url: str) -> None:
    # Of the checks only those that call the server: the others take seconds.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUTWORX_HOOKS_ENDPOINT", url)
        patch.setenv("OUTWORX_HOOKS_API_KEY", KEY)
        results = [*networks(), *server(SimpleNamespace(endpoints={}))]  # type: ignore[arg-type]  # nothing else is read
    assert KEY not in repr(results)
    if ("exporter", "ok") not in {(one.check, one.status) for one in results}:
        raise CannotCallError(" ".join(f"{one.text} {one.advice}" for one in results))


def _forward(url: str) -> None:
    async def opened() -> None:
        client = RelayClient(url, KEY)
        try:
            await client.open("http://localhost:3000")
        finally:
            await client.close()

    try:
        asyncio.run(opened())
    except Exception as error:
        raise CannotCallError(str(error)) from error


def _replay(url: str) -> None:
    try:
        send(Outgoing("POST", f"{url}/hook", (("authorization", KEY),), b"{}", True), timeout=5.0)
        with OutworxServer(url, KEY) as outworx:
            fetched(outworx, "an-id")
    except Exception as error:
        raise CannotCallError(str(error)) from error


CLIENTS: Final[dict[str, Callable[[str], None]]] = {
    "exporter": _exporter,
    "store": _store,
    "doctor": _doctor,
    "forward": _forward,
    "replay": _replay,
}
