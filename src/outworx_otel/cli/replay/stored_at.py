"""A stored delivery from a server, by its id."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from outworx_otel.cli.server_options import server_address
from outworx_otel.errors import ConfigurationError
from outworx_otel.server.replay import Completeness, ReplayError, completeness

if TYPE_CHECKING:
    from outworx_otel.http.bounded_client import Reply

# A body of 10 MiB in base64, and the rest.
_MAX_ANSWER: Final = 32 * 1024 * 1024
_TIMEOUT_SECONDS: Final = 10.0


def fetched(
    identity: str, endpoint: str, api_key: str | None, authorities: Sequence[tuple[str, str]] = ()
) -> Completeness:
    """What `GET /api/deliveries/{id}` of a server has.

    Args:
        identity: the delivery's id.
        endpoint: the server.
        api_key: its key, None for none.
        authorities: (option, file) pairs: certificates to trust in addition.

    Raises:
        ReplayError: the server is not there, does not have it, or does not give it with this key.
        ConfigurationError: the endpoint or the key cannot be used.
    """
    import msgspec

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
    url = f"{ascii_url(base).rstrip('/')}/api/deliveries/{quote(identity, safe='')}"
    client = BoundedClient(lambda: trust(*authorities))
    try:
        reply = client.call("GET", url, headers.items(), seconds=_TIMEOUT_SECONDS, most=_MAX_ANSWER)
        if reply.failure is not None:
            raise reply.failure
    except NotConnected as error:
        if isinstance(error, Untrusted) or "proxy" in str(error):
            raise ReplayError(f"no answer from {base}: {error}") from None
        raise ReplayError(
            f"no server at {base}: start `outworx serve`, or name another with --endpoint or OUTWORX_ENDPOINT"
        ) from None
    except CallFailed as error:
        raise ReplayError(f"no answer from {base}: {error}") from error
    finally:
        client.close()
    if reply.cut:
        raise ReplayError(f"{base} sends more than a delivery can be: is it an outworx server?")
    if reply.status != 200:
        raise ReplayError(_refusal(reply, base, identity, api_key))
    try:
        document: Any = msgspec.json.decode(reply.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ReplayError(f"{base} answers with something that is no delivery: is it an outworx server?")
    return completeness(document)


def _refusal(reply: Reply, base: str, identity: str, api_key: str | None) -> str:
    status = reply.status
    if status == 403 and reply.problem is not None:
        return f"{base}: {reply.problem}"
    if status in (401, 403):
        what = "does not take this key" if api_key else "wants a key"
        return f"{base} {what} ({status}): give it with OUTWORX_API_KEY or --api-key"
    if status == 404:
        return f"{base} has no delivery {identity!r}, and there is no file of that name"
    return f"{base} answers {status}"
