"""Calls an `outworx serve`, for commands, with the options of `server_options`, and says what went wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from outworx_otel.cli.console import failed, usage
from outworx_otel.cli.server_options import server_address
from outworx_otel.errors import ConfigurationError, OutworxError

if TYPE_CHECKING:
    from outworx_otel.http.bounded_client import Reply

_MAX_ANSWER: Final = 1024 * 1024
# A body of 10 MiB in base64, and the rest.
_MAX_DELIVERY: Final = 32 * 1024 * 1024
_TIMEOUT_SECONDS: Final = 10.0
# Less than any server keeps one: a call over a connection that just ended would fail for nothing.
_KEPT_SECONDS: Final = 2.0


class ServerCallFailed(OutworxError):
    """The server is not there, or does not do what is asked."""


class NoServer(ServerCallFailed):
    """Nothing listens at the server's address."""


class KeyRefused(ServerCallFailed):
    """The server is there, and takes neither this key nor none, or not for this."""


class OutworxServer:
    """The server that a command's options name. A context manager that keeps connections.

    Args:
        endpoint: the server, as `--endpoint` takes it.
        api_key: its key, None for none.
        authorities: (option, file) pairs: certificates to trust in addition.

    Raises:
        ConfigurationError: the endpoint or the key cannot be used.
    """

    def __init__(
        self, endpoint: str, api_key: str | None = None, authorities: Sequence[tuple[str, str]] = ()
    ) -> None:
        from outworx_otel.http.bounded_client import BoundedClient
        from outworx_otel.http.certificates import trust

        self.address: Final = server_address(endpoint)
        key = (api_key or "").strip()
        if not key.isascii() or not key.isprintable():
            raise ConfigurationError(
                "--api-key holds a character that cannot stand in a header: copy it again"
            )
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}
        self._client = BoundedClient(lambda: trust(*authorities), keep=_KEPT_SECONDS)

    def __enter__(self) -> OutworxServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes | None = None,
        seconds: float = _TIMEOUT_SECONDS,
        most: int = _MAX_ANSWER,
    ) -> Reply:
        """Makes one call. Blocks.

        Args:
            method: HTTP's.
            path: with its query, in ASCII.
            headers: beside the key's.
            body: that is sent, None for none.
            seconds: when the call is over.
            most: bytes of the answer.

        Returns:
            The answer, whatever its status but 401 and 403.

        Raises:
            ServerCallFailed: there was no whole answer.
            KeyRefused: it was 401 or 403.
        """
        from outworx_otel.http.bounded_client import CallFailed, NotConnected, Untrusted
        from outworx_otel.server.replay.sending import ascii_url

        base = self.address
        try:
            url = ascii_url(base).rstrip("/") + path
            reply = self._client.call(
                method, url, (*self._headers.items(), *headers), body, seconds=seconds, most=most
            )
            if reply.failure is not None:
                raise reply.failure
        except NotConnected as error:
            if isinstance(error, Untrusted) or "proxy" in str(error):
                raise ServerCallFailed(f"no answer from {base}: {error}") from None
            raise NoServer(
                f"no server at {base}: start `outworx serve`, or name another with --endpoint or OUTWORX_ENDPOINT"
            ) from None
        except CallFailed as error:
            raise ServerCallFailed(f"no answer from {base}: {error}") from error
        if reply.status == 403 and reply.problem is not None:
            raise KeyRefused(f"{base}: {reply.problem}")
        if reply.status in (401, 403):
            what = "does not take this key" if self._headers else "wants a key"
            raise KeyRefused(f"{base} {what} ({reply.status}): give it with OUTWORX_API_KEY or --api-key")
        return reply

    def read(self, path: str, *, most: int = _MAX_ANSWER) -> Any:
        """Returns the JSON that GET of a path gives; None for what is not there (404).

        Raises:
            ServerCallFailed: there was no such answer.
            ConfigurationError: the server does not know what was asked (400): its words.
        """
        import msgspec

        reply = self.call("GET", path, most=most)
        if reply.status == 404:
            return None
        if reply.status == 400 and reply.problem is not None:
            raise ConfigurationError(reply.problem)
        if reply.status != 200:
            raise ServerCallFailed(
                f"{self.address} answers {reply.status}: {reply.problem or 'it does not say why'}"
            )
        if reply.cut:
            raise ServerCallFailed(f"{self.address} sends more than is taken of it: is it an outworx server?")
        try:
            return msgspec.json.decode(reply.body)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            raise ServerCallFailed(
                f"{self.address} answers with something that is no JSON: is it an outworx server?"
            ) from None

    def delivery(self, identity: str) -> dict[str, Any] | None:
        """Returns what `GET /api/deliveries/{id}` gives; None where there is no such delivery.

        Raises:
            ServerCallFailed: there was no such answer.
        """
        document = self.read(f"/api/deliveries/{quote(identity, safe='')}", most=_MAX_DELIVERY)
        if document is not None and not isinstance(document, dict):
            raise self.no_delivery()
        return document

    def no_delivery(self) -> ServerCallFailed:
        """What an answer is that is no delivery."""
        return ServerCallFailed(
            f"{self.address} answers with something that is no delivery: is it an outworx server?"
        )


@contextmanager
def server_for(
    command: str, endpoint: str, api_key: str | None = None, authorities: Sequence[tuple[str, str]] = ()
) -> Iterator[OutworxServer]:
    """The server of a command, as `OutworxServer`; what is wrong with its options or at the server ends it."""
    try:
        with OutworxServer(endpoint, api_key, authorities) as server:
            yield server
    except ConfigurationError as error:
        usage(command, str(error))
    except ServerCallFailed as error:
        failed(command, str(error))
