"""An agent: the official client, over standard input and output or over HTTP, for tests that are not async."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import httpx2
from anyio.from_thread import BlockingPortal, start_blocking_portal
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

PATIENCE = 60.0


class Reply(NamedTuple):
    """What a tool answered: our words, the quotations, and whether it could not be done."""

    said: str
    quotations: list[str]
    is_error: bool

    @property
    def text(self) -> str:
        """All of it, as a model reads it."""
        return "\n".join([self.said, *self.quotations])


class Agent:
    """One connection of a client."""

    def __init__(self, portal: BlockingPortal, client: Client) -> None:
        self._portal = portal
        self._client = client

    def tools(self) -> dict[str, Any]:
        """The tools by their names."""
        return {tool.name: tool for tool in self._portal.call(self._client.list_tools).tools}

    def call(self, name: str, **arguments: Any) -> Reply:
        """Calls one."""
        result = self._portal.call(lambda: self._client.call_tool(name, arguments))
        texts = [part.text for part in result.content]
        return Reply(texts[0], texts[1:], bool(result.is_error))


@contextlib.contextmanager
def over_stdio(folder: Path, *arguments: str, **environ: str) -> Iterator[Agent]:
    """`outworx mcp`, started as agents start it: with little of the environment."""
    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "outworx_otel.cli", "mcp", *arguments],
        env=environ,
        cwd=folder,
    )
    with _agent(lambda: Client(stdio_client(parameters), read_timeout_seconds=PATIENCE)) as agent:
        yield agent


@contextlib.contextmanager
def over_http(url: str, headers: Mapping[str, str] = {}, mode: str = "auto") -> Iterator[Agent]:
    """`/mcp` of a server; `legacy` is how clients of older versions of the protocol begin."""

    def client() -> Client:
        http = httpx2.AsyncClient(headers=dict(headers), timeout=PATIENCE, trust_env=False)
        return Client(streamable_http_client(f"{url}/mcp", http_client=http), mode=mode)

    with _agent(client) as agent:
        yield agent


@contextlib.contextmanager
def _agent(client: Any) -> Iterator[Agent]:
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(client()) as connected:
        yield Agent(portal, connected)
