"""Serves the tools over standard input and output, for an agent that starts the command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlencode

import anyio
from mcp.server.stdio import stdio_server

from outworx_otel.cli.mcp.hiding import Hiding
from outworx_otel.cli.mcp.protocol import mcp_server
from outworx_otel.cli.mcp.tool_context import ToolContext
from outworx_otel.cli.mcp.variables import may_use
from outworx_otel.cli.server_calls import OutworxServer, ServerCallFailed
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.purposes import Purpose

# A page of deliveries with long texts; a delivery with its bodies.
_MOST: Final = 32 * 1024 * 1024


def serve(url: str, api_key: str | None, authorities: Sequence[tuple[str, str]]) -> None:
    """Serves until standard input ends.

    Args:
        url: the server, which need not be there.
        api_key: its key, None for none.
        authorities: (option, file) pairs: certificates to trust in addition.

    Raises:
        ConfigurationError: the server's address or the key cannot be used.
    """
    server = RemoteServer(url, api_key, authorities)
    judged = may_use(of_a_server=False)

    def context(_: Any) -> ToolContext:
        # What is configured may change while an agent works on it.
        return ToolContext(server, judged, Hiding([] if api_key is None else [api_key]))

    async def run() -> None:
        tools = mcp_server(context)
        async with stdio_server() as (reading, writing):
            await tools.run(reading, writing, tools.create_initialization_options())

    anyio.run(run)


class RemoteServer:
    """An `outworx serve` somewhere; see `ServerReads`."""

    def __init__(self, url: str, api_key: str | None, authorities: Sequence[tuple[str, str]]) -> None:
        self._options = url, api_key, authorities
        # What is wrong with them is said now, not at the first call.
        with OutworxServer(*self._options):
            pass

    def read(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Returns the JSON that GET gives; None for what is not there."""
        asked = f"{path}?{urlencode(query)}" if query else path
        with OutworxServer(*self._options) as server:
            try:
                return server.read(asked, most=_MOST)
            except ConfigurationError as error:
                raise ServerCallFailed(str(error)) from None

    def purposes(self) -> frozenset[Purpose]:
        """Returns what the key may do."""
        told = self.read("/api/key")
        given = told.get("purposes") if isinstance(told, dict) else None
        if not isinstance(given, list):
            raise ServerCallFailed("it does not say what a key may do: it is another server, or an older one")
        return frozenset(purpose for purpose in Purpose if purpose.value in given)
