"""Calls an `outworx serve`, for commands: one request, with the options of `server_options`, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from outworx_otel.cli.server_options import server_address
from outworx_otel.errors import ConfigurationError, OutworxError

if TYPE_CHECKING:
    from outworx_otel.http.bounded_client import Reply

_MAX_ANSWER: Final = 1024 * 1024
_TIMEOUT_SECONDS: Final = 10.0


class ServerCallFailed(OutworxError):
    """The server is not there, or takes neither this key nor none."""


def call(
    method: str,
    path: str,
    endpoint: str,
    api_key: str | None,
    authorities: Sequence[tuple[str, str]] = (),
    *,
    seconds: float = _TIMEOUT_SECONDS,
    most: int = _MAX_ANSWER,
) -> Reply:
    """Makes one call. Blocks.

    Args:
        method: HTTP's.
        path: with its query, in ASCII.
        endpoint: the server, as `--endpoint` takes it.
        api_key: its key, None for none.
        authorities: (option, file) pairs: certificates to trust in addition.
        seconds: when the call is over.
        most: bytes of the answer.

    Returns:
        The answer, whatever its status but 401 and 403.

    Raises:
        ServerCallFailed: there was no whole answer, or it was 401 or 403.
        ConfigurationError: the endpoint or the key cannot be used.
    """
    from outworx_otel.http.bounded_client import BoundedClient, CallFailed, NotConnected, Untrusted
    from outworx_otel.http.certificates import trust
    from outworx_otel.server.replay.sending import ascii_url

    base = server_address(endpoint)
    headers = {}
    if api_key:
        key = api_key.strip()
        if not key.isascii() or not key.isprintable():
            raise ConfigurationError(
                "--api-key holds a character that cannot stand in a header: copy it again"
            )
        headers["Authorization"] = f"Bearer {key}"
    client = BoundedClient(lambda: trust(*authorities))
    try:
        url = ascii_url(base).rstrip("/") + path
        reply = client.call(method, url, headers.items(), seconds=seconds, most=most)
        if reply.failure is not None:
            raise reply.failure
    except NotConnected as error:
        if isinstance(error, Untrusted) or "proxy" in str(error):
            raise ServerCallFailed(f"no answer from {base}: {error}") from None
        raise ServerCallFailed(
            f"no server at {base}: start `outworx serve`, or name another with --endpoint or OUTWORX_ENDPOINT"
        ) from None
    except CallFailed as error:
        raise ServerCallFailed(f"no answer from {base}: {error}") from error
    finally:
        client.close()
    if reply.status == 403 and reply.problem is not None:
        raise ServerCallFailed(f"{base}: {reply.problem}")
    if reply.status in (401, 403):
        what = "does not take this key" if api_key else "wants a key"
        raise ServerCallFailed(f"{base} {what} ({reply.status}): give it with OUTWORX_API_KEY or --api-key")
    return reply
