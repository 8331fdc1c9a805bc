"""What a tool is given, and what it gives back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from outworx_otel.cli.mcp.hiding import Hiding
from outworx_otel.cli.server_calls import KeyRefused, NoServer, ServerCallFailed
from outworx_otel.server.purposes import Purpose


class ServerReads(Protocol):
    """The server that tools ask: another process, or the one that they are served by."""

    def read(self, path: str, query: Sequence[tuple[str, str]] = ()) -> Any:
        """Returns the JSON that GET gives; None for what is not there. Blocks.

        Raises:
            ServerCallFailed: there was no such answer, or the server does not take what was asked.
        """
        ...

    def purposes(self) -> frozenset[Purpose]:
        """Returns what may be asked of it. Blocks.

        Raises:
            ServerCallFailed: it is not there, or does not say.
        """
        ...


@dataclass(frozen=True)
class ToolContext:
    """What a call of a tool has at hand.

    Args:
        server: that is asked.
        may_use: whether the secret in a variable may be used; the second argument says whether it is sent as it is.
        hiding: takes secrets out of the answer.
    """

    server: ServerReads
    may_use: Callable[[str, bool], bool]
    hiding: Hiding


class ToolAnswer(NamedTuple):
    """The answer of a tool.

    Args:
        said: in words of ours alone: nothing that was sent, and nothing that a server says, stands in it.
        quoted: (what it is, document) pairs of what came from outside.
        is_error: whether it could not be done.
    """

    said: str
    quoted: tuple[tuple[str, Any], ...] = ()
    is_error: bool = False


_START: Final = (
    "No server is there: start one with `outworx serve` (pip install 'outworx-otel[server]'), or with an application"
    " by `outworx dev -- <its command>`; or name another by --url or OUTWORX_ENDPOINT. verify_signature,"
    " list_providers, describe_endpoint and trigger need none."
)
_KEY: Final = (
    "The server wants a key for this, or another one: set OUTWORX_API_KEY where the tools are started. To read it"
    " must be one for read, to send one for admin (`outworx serve --api-key read:KEY`)."
)


def not_answered(error: ServerCallFailed) -> ToolAnswer:
    """Returns what to say where the server did not give what was asked of it."""
    if isinstance(error, NoServer):
        return ToolAnswer(_START, is_error=True)
    said = _KEY if isinstance(error, KeyRefused) else "The server did not give this."
    return ToolAnswer(said, (("why", {"server": str(error)}),), is_error=True)
